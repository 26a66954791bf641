// Dropout draws from torch's one generator, which all threads of a process share: a worker computes on one thread, and so do these tests.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
