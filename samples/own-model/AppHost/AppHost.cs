using Lockstep.Hosting;

var builder = DistributedApplication.CreateBuilder(args);

builder.AddLockstep("training")
    .WithShards(2)
    .WithWorkers<Projects.OwnModel_Worker>(min: 0, max: 4)
    .AddJob("shapes", "../jobs/shapes.yaml");

builder.Build().Run();
