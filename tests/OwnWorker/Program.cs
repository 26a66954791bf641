using Lockstep.Worker;
using OwnModel.Worker;

LockstepWorkerBuilder builder = LockstepWorker.CreateBuilder(args)
    .AddModel<ResidualCnn>("residual-cnn")
    .AddModel<ImpureNet>("impure")
    .AddModel<FaultyNet>("faulty")
    .AddDataSource<ShapesSource>("shapes")
    .AddDataSource<BrokenSource>("broken");
if (Environment.GetEnvironmentVariable("OWN_WORKER_FAULT") == "registration")
{
    builder.AddModel<Unmade>("unmade").AddDataSource<BrokenSource>("shapes");
}

return builder.Build().Run();
