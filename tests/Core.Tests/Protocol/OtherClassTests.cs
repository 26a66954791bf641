using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Protocol;

public sealed class OtherClassTests
{
    private const string Here = "lockstep-2 avx2 threads-1";
    private const string There = "lockstep-2 avx512 threads-1";

    [Theory]
    [InlineData(Here, null, Here, null, false, false, true)]
    [InlineData(Here, "a", Here, "a", false, false, true)]
    [InlineData(Here, "a", Here, "b", false, false, false)]
    [InlineData(Here, "a", Here, "b", true, false, false)]
    [InlineData(Here, "a", Here, "b", false, true, true)]
    [InlineData(Here, "a", There, "a", false, true, false)]
    [InlineData(Here, "a", There, "a", true, false, true)]
    [InlineData(Here, "a", There, "b", true, false, false)]
    [InlineData(Here, "a", There, "b", true, true, true)]
    [InlineData(Here, "a", Here, null, false, false, false)]
    public void Each_difference_is_accepted_by_its_own_name(string theirs, string? theirCode, string ours, string? ourCode, bool acceptsClass, bool acceptsCode, bool accepted) =>
        Assert.Equal(accepted, OtherClass.IsAccepted(OtherClass.With(theirs, theirCode), OtherClass.With(ours, ourCode), acceptsClass, acceptsCode));

    [Fact]
    public void What_differs_is_told_with_the_option_that_accepts_it()
    {
        string first = OtherClass.With(Here, "a"), second = OtherClass.With(Here, "b"), third = OtherClass.With(There, "a");
        Assert.Contains("was computed by the code 'code-a', and this worker program is 'code-b'", OtherClass.Problem("It", first, second), StringComparison.Ordinal);
        Assert.Contains("--accept-code", OtherClass.Remedy(first, second), StringComparison.Ordinal);
        Assert.Contains("in the determinism class", OtherClass.Problem("It", first, third), StringComparison.Ordinal);
        Assert.Contains("--accept-class", OtherClass.Remedy(first, third), StringComparison.Ordinal);
        Assert.Equal(Here, OtherClass.WithoutCode(first));
        Assert.Equal("lockstep-2 avx2 code-a", OtherClass.WithoutThreads(first));
    }
}
