using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;

namespace Lockstep.Contracts.Tests.Runs;

public sealed class DataCacheTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lockstep-caches-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_variable_decides() => Assert.Equal("/named", Find((EnvironmentNames.DataCache, "/named"), ("HOME", _folder)));

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public void Else_it_is_the_users_and_for_nobody_else()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Rights are those of Unix.");
        string found = Find(("HOME", _folder))!;
        Assert.Equal(Path.Combine(_folder, ".cache", "lockstep"), found);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(found));
        Assert.Empty(Directory.GetFileSystemEntries(found));
        Assert.Equal(Path.Combine(_folder, "caches", "lockstep"), Find(("XDG_CACHE_HOME", Path.Combine(_folder, "caches")), ("HOME", _folder)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("relative")]
    [InlineData("/proc/nowhere")]
    public void There_may_be_none(string? home) => Assert.Null(Find(("HOME", home)));

    private static string? Find(params (string Name, string? Value)[] variables) => DataCache.Find(name => variables.FirstOrDefault(v => v.Name == name).Value);
}
