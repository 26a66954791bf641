# Scripts a model and fine-tunes it by plain PyTorch, the whole data in each step: python3 finetune.py FOLDER OPTIMIZER STEPS
# Writes rows.csv and model.pt to the folder, and the loss before each step and the tensors after the last one as JSON to standard output.
import json
import sys

import torch
from torch import nn

FEATURES, CLASSES, ROWS = 6, 3, 48


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(FEATURES, 12)
        self.norm = nn.BatchNorm1d(12)
        self.tied = nn.Linear(12, 12)
        self.again = nn.Linear(12, 12)
        self.again.weight = self.tied.weight
        self.head = nn.Linear(12, CLASSES)
        self.register_buffer("shift", torch.full((FEATURES,), 0.5))

    def forward(self, x):
        h = torch.tanh(self.norm(self.first(x + self.shift)))
        return self.head(self.again(torch.nn.functional.gelu(self.tied(h))))


folder, kind, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.manual_seed(5)
torch.set_num_threads(1)
x = torch.randn(ROWS, FEATURES)
y = (x[:, 0] + x[:, 1] * x[:, 2]).mul(2).long().clamp(0, CLASSES - 1)
with open(f"{folder}/rows.csv", "w") as file:
    file.write(",".join(f"x{i}" for i in range(FEATURES)) + ",y\n")
    for row, label in zip(x.tolist(), y.tolist()):
        file.write(",".join(repr(value) for value in row) + f",{label}\n")

net = Net()
net.first.bias.requires_grad_(False)
torch.jit.script(net).save(f"{folder}/model.pt")
model = torch.jit.load(f"{folder}/model.pt")
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=0.01, weight_decay=0.01) if kind == "adamw" else torch.optim.SGD(trained, lr=0.1, momentum=0.9)
model.train()
losses = []
for _ in range(steps):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

tensors = {name: value.flatten().tolist() for name, value in model.state_dict().items() if value.dtype == torch.float32}
print(json.dumps({"losses": losses, "tensors": tensors}))
