"""What torchrun loses when one of two ranks is killed: rank 0 writes a line "seconds restart step" before every step to the file named first.
usage: torch.distributed.run --standalone --nproc_per_node=2 --max_restarts=3 torchrun_kill.py FILE"""
import os
import signal
import sys
import time

import torch
import torch.distributed as distributed

STEPS, KILL_AT, SAVE_EVERY = 120, 60, 25

log = sys.argv[1]
saved = log + ".pt"
torch.manual_seed(1)
torch.set_num_threads(1)
distributed.init_process_group("gloo")
attempt = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
rank = distributed.get_rank()
model = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10))
first = 0
if attempt:
    state = torch.load(saved)
    model.load_state_dict(state["model"])
    first = state["step"]
parallel = torch.nn.parallel.DistributedDataParallel(model)
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
inputs, labels = torch.randn(256, 784), torch.randint(10, (256,))
for step in range(first, STEPS):
    if rank == 0:
        with open(log, "a", encoding="ascii") as file:
            file.write(f"{time.time():.4f} {attempt} {step}\n")
        if step % SAVE_EVERY == 0:
            torch.save({"model": model.state_dict(), "step": step}, saved)
    if attempt == 0 and rank == 1 and step == KILL_AT:
        os.kill(os.getpid(), signal.SIGKILL)
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(parallel(inputs), labels).backward()
    optimizer.step()
