using Lockstep.Worker;
using OwnModel.Worker;

return LockstepWorker.CreateBuilder(args)
    .AddModel<ResidualCnn>("residual-cnn")
    .AddModel<ImpureNet>("impure")
    .AddDataSource<ShapesSource>("shapes")
    .Build()
    .Run();
