using System.Runtime.Intrinsics;
using Lockstep.Core.Codec;

namespace Lockstep.Core.Tests.Codec;

/// <summary>Kernels with their input, to be run at any vector width.</summary>
internal interface IWidthCase
{
    /// <returns>All that came out, to the bit.</returns>
    string Run<TLanes, TF, TI, TL>()
        where TLanes : struct, ILanes<TF, TI, TL>
        where TF : struct
        where TI : struct
        where TL : struct;
}

internal static class Widths
{
    /// <summary>Asserts that all widths that there are here give the same.</summary>
    public static void Equal(IWidthCase one)
    {
        string narrowest = one.Run<Lanes128, Vector128<float>, Vector128<int>, Vector128<long>>();
        if (Lanes256.IsSupported)
        {
            Assert.Equal(narrowest, one.Run<Lanes256, Vector256<float>, Vector256<int>, Vector256<long>>());
        }

        if (Lanes512.IsSupported)
        {
            Assert.Equal(narrowest, one.Run<Lanes512, Vector512<float>, Vector512<int>, Vector512<long>>());
        }
    }
}
