"""What a step of data parallelism costs beside forward and backward: gloo adds up a gradient over the ranks, and torch's Adam updates as many parameters with the mean.
Prints one line of JSON with the median milliseconds by size, of Adam as it comes and with foreach."""
import statistics
import time

import ranks
import torch
import torch.distributed as distributed

parser = ranks.arguments(__doc__)
parser.add_argument("--bytes", type=int, nargs="+", required=True, help="sizes of the gradient")
parser.add_argument("--repeats", type=int, default=30)
options = parser.parse_args()
ranks.join(options)


def one(parameter, optimizer):
    ranks.together(options)
    start = time.perf_counter()
    distributed.all_reduce(parameter.grad)
    parameter.grad.div_(options.world)
    optimizer.step()
    return (time.perf_counter() - start) * 1000


result = {}
for size in options.bytes:
    medians = {}
    for kind, settings in (("default", {}), ("foreach", {"foreach": True})):
        parameter = torch.nn.Parameter(torch.zeros(size // 4))
        parameter.grad = torch.randn(size // 4) * 1e-3
        optimizer = torch.optim.Adam([parameter], lr=1e-3, **settings)
        times = [one(parameter, optimizer) for _ in range(options.repeats + 3)]
        medians[kind] = statistics.median(times[3:])
    result[str(size)] = medians
ranks.report(options, milliseconds=result)
