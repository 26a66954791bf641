using Lockstep.Worker;

// Has no models or data sources of its own: jobs take the layers and formats of the job file.
return LockstepWorker.CreateBuilder(args).Build().Run();
