"""What a step of data parallelism costs beside forward and backward: gloo adds up a gradient over the ranks, and torch's Adam updates as many parameters with the mean.
Prints one line of JSON with the median milliseconds of Adam as it comes and with foreach."""
import statistics
import time

import ranks
import torch
import torch.distributed as distributed

parser = ranks.arguments(__doc__)
parser.add_argument("--bytes", type=int, required=True, help="size of the gradient")
parser.add_argument("--seconds", type=float, default=6, help="about how long both ways are measured together")
options = parser.parse_args()
ranks.join(options)
elements = options.bytes // 4


def once(parameter, optimizer):
    ranks.together(options)
    start = time.perf_counter()
    distributed.all_reduce(parameter.grad)
    parameter.grad.div_(options.world)
    optimizer.step()
    return time.perf_counter() - start


def median_ms(**settings):
    parameter = torch.nn.Parameter(torch.zeros(elements))
    parameter.grad = torch.randn(elements) * 1e-3
    optimizer = torch.optim.Adam([parameter], lr=1e-3, **settings)
    warm = [once(parameter, optimizer) for _ in range(5)]
    repeats = ranks.same(options, max(20, round(options.seconds / 2 / statistics.median(warm))))
    return 1000 * statistics.median([once(parameter, optimizer) for _ in range(repeats)])


ranks.report(options, milliseconds={"default": median_ms(), "foreach": median_ms(foreach=True)})
