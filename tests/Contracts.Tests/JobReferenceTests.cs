using System.Runtime.CompilerServices;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Tests;

public sealed class JobReferenceTests
{
    [Fact]
    public void The_documentation_has_every_key_as_the_reader_knows_it() =>
        Assert.Contains(JobReference.Markdown().Trim(), File.ReadAllText(Documentation()), StringComparison.Ordinal);

    private static string Documentation([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "../../docs/job-file.md"));
}
