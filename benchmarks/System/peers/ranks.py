"""What the peers share: the ranks of one process group on this machine, one thread each. They meet through a file, so that nothing listens but gloo on loopback."""
import argparse
import json
import os

os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")

import torch
import torch.distributed as distributed


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--world", type=int, default=1)
    parser.add_argument("--meeting", help="a path at which there is no file yet; needed by more than one rank")
    return parser


def join(options):
    torch.set_num_threads(1)
    torch.manual_seed(1 + options.rank)
    if options.world > 1:
        distributed.init_process_group("gloo", init_method="file://" + options.meeting, rank=options.rank, world_size=options.world)


def together(options):
    if options.world > 1:
        distributed.barrier()


def same(options, number):
    """Rank 0's, on every rank."""
    count = torch.tensor([number])
    if options.world > 1:
        distributed.broadcast(count, 0)
    return int(count)


def report(options, **values):
    """Rank 0 speaks for all."""
    if options.rank == 0:
        print(json.dumps({"torch": torch.__version__, **values}), flush=True)
