using Lockstep.Worker;
using OwnModel.Worker;

return LockstepWorker.CreateBuilder(args)
    .AddModel<ResidualCnn>("residual-cnn")
    .AddDataSource<ShapesSource>("shapes")
    .Build()
    .Run();
