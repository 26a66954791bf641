"""Trains 784-H-H-10 with Adam on random samples that lie in memory: DistributedDataParallel where there is more than one rank, each with its share of a fixed global batch.
Prints one line of JSON with the samples a second of all ranks."""
import time

import ranks
import torch

parser = ranks.arguments(__doc__)
parser.add_argument("--hidden", type=int, required=True)
parser.add_argument("--batch", type=int, default=512)
parser.add_argument("--warm", type=float, default=3, help="seconds before it counts")
parser.add_argument("--seconds", type=float, default=10, help="about how long it counts")
options = parser.parse_args()
ranks.join(options)

model = torch.nn.Sequential(
    torch.nn.Linear(784, options.hidden), torch.nn.ReLU(),
    torch.nn.Linear(options.hidden, options.hidden), torch.nn.ReLU(),
    torch.nn.Linear(options.hidden, 10))
if options.world > 1:
    model = torch.nn.parallel.DistributedDataParallel(model)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
share = options.batch // options.world
inputs, labels = torch.randn(share, 784), torch.randint(10, (share,))


def train(steps):
    ranks.together(options)
    start = time.perf_counter()
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    ranks.together(options)
    return time.perf_counter() - start


def steps_in(seconds, step):
    return ranks.same(options, max(5, round(seconds / step)))


first = train(5) / 5
warm = steps_in(options.warm, first)
counted = steps_in(options.seconds, train(warm) / warm)
elapsed = train(counted)
ranks.report(options, samplesPerSecond=counted * share * options.world / elapsed, steps=counted)
