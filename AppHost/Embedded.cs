// The entry of this project with UseAspire=false: the embedded engine in the place of Aspire.
await Console.Error.WriteLineAsync("The embedded engine cannot be started from here yet. Use the command line: UseAspire=false dotnet run -c Release --project Cli -- train samples/digits/job.yaml");
return 2;
