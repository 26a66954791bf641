using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Lockstep.Core.Codec;

/// <summary>
/// The few operations that the kernels are made of, at one vector width, so that each kernel is written once. All are exact or rounded once, lane by lane, so that every width gives the same bits.
/// </summary>
/// <typeparam name="TF">Floats.</typeparam>
/// <typeparam name="TI">As many 32-bit integers.</typeparam>
/// <typeparam name="TL">Half as many 64-bit integers.</typeparam>
internal interface ILanes<TF, TI, TL>
    where TF : struct
    where TI : struct
    where TL : struct
{
    static abstract int Count { get; }
    static abstract TF Floats(ref float from);
    static abstract TF Floats(float all);
    static abstract TF Floats(TI integers);
    static abstract TF Multiply(TF a, TF b);
    static abstract void Store(TF value, ref float to);
    static abstract TI Integers(ref int from);
    static abstract TI Integers(int all);
    /// <summary>Rounds to nearest even; within the integers only.</summary>
    static abstract TI Integers(TF floats);
    static abstract TI Bits(TF floats);
    static abstract TI Add(TI a, TI b);
    static abstract TI And(TI a, TI b);
    static abstract TI Xor(TI a, TI b);
    static abstract TI Max(TI a, TI b);
    static abstract TI Min(TI a, TI b);
    static abstract void Store(TI value, ref int to);
    static abstract TI Or(TI a, TI b);
    /// <summary>The lower 32 bits of each product.</summary>
    static abstract TI MultiplyLow(TI a, TI b);
    /// <param name="bits">0 to 31.</param>
    static abstract TI ShiftLeft(TI a, int bits);
    /// <summary>Fills up with the sign.</summary>
    static abstract TI ShiftRight(TI a, int bits);
    /// <summary>Fills up with zeros.</summary>
    static abstract TI ShiftRightUnsigned(TI a, int bits);
    /// <summary>All ones where a is greater, else 0.</summary>
    static abstract TI GreaterThan(TI a, TI b);
    /// <summary>Bits of a where the mask has ones, of b elsewhere.</summary>
    static abstract TI Select(TI mask, TI a, TI b);
    static abstract TF FloatsOf(TI bits);
    /// <summary>As many unsigned numbers of 16 bits, as integers.</summary>
    static abstract TI Halves(ref ushort from);
    /// <summary>The lower 16 bits of all of a, then of all of b.</summary>
    static abstract void StoreHalves(TI a, TI b, ref ushort to);
    /// <summary>Adds all products, each of 64 bits, to the lanes of a sum.</summary>
    static abstract TL AddProducts(TL sum, TI a, TI b);
    static abstract ulong Sum(TL value);
}

/// <summary>512 bits: x86 with AVX-512.</summary>
internal readonly struct Lanes512 : ILanes<Vector512<float>, Vector512<int>, Vector512<long>>
{
    public static bool IsSupported => Vector512.IsHardwareAccelerated && Avx512F.IsSupported;
    public static int Count => Vector512<float>.Count;
    public static Vector512<float> Floats(ref float from) => Vector512.LoadUnsafe(ref from);
    public static Vector512<float> Floats(float all) => Vector512.Create(all);
    public static Vector512<float> Floats(Vector512<int> integers) => Vector512.ConvertToSingle(integers);
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;
    public static void Store(Vector512<float> value, ref float to) => value.StoreUnsafe(ref to);
    public static Vector512<int> Integers(ref int from) => Vector512.LoadUnsafe(ref from);
    public static Vector512<int> Integers(int all) => Vector512.Create(all);
    public static Vector512<int> Integers(Vector512<float> floats) => Avx512F.ConvertToVector512Int32(floats, FloatRoundingMode.ToEven);
    public static Vector512<int> Bits(Vector512<float> floats) => floats.AsInt32();
    public static Vector512<int> Add(Vector512<int> a, Vector512<int> b) => a + b;
    public static Vector512<int> And(Vector512<int> a, Vector512<int> b) => a & b;
    public static Vector512<int> Xor(Vector512<int> a, Vector512<int> b) => a ^ b;
    public static Vector512<int> Max(Vector512<int> a, Vector512<int> b) => Vector512.Max(a, b);
    public static Vector512<int> Min(Vector512<int> a, Vector512<int> b) => Vector512.Min(a, b);
    public static void Store(Vector512<int> value, ref int to) => value.StoreUnsafe(ref to);
    public static Vector512<int> Or(Vector512<int> a, Vector512<int> b) => a | b;
    public static Vector512<int> MultiplyLow(Vector512<int> a, Vector512<int> b) => a * b;
    public static Vector512<int> ShiftLeft(Vector512<int> a, int bits) => a << bits;
    public static Vector512<int> ShiftRight(Vector512<int> a, int bits) => a >> bits;
    public static Vector512<int> ShiftRightUnsigned(Vector512<int> a, int bits) => a >>> bits;
    public static Vector512<int> GreaterThan(Vector512<int> a, Vector512<int> b) => Vector512.GreaterThan(a, b);
    public static Vector512<int> Select(Vector512<int> mask, Vector512<int> a, Vector512<int> b) => Vector512.ConditionalSelect(mask, a, b);
    public static Vector512<float> FloatsOf(Vector512<int> bits) => bits.AsSingle();
    public static Vector512<int> Halves(ref ushort from) => Vector512.Create(Vector256.WidenLower(Vector256.LoadUnsafe(ref from)), Vector256.WidenUpper(Vector256.LoadUnsafe(ref from))).AsInt32();
    public static void StoreHalves(Vector512<int> a, Vector512<int> b, ref ushort to) => Vector512.Narrow(a.AsUInt32(), b.AsUInt32()).StoreUnsafe(ref to);
    public static Vector512<long> AddProducts(Vector512<long> sum, Vector512<int> a, Vector512<int> b) =>
        sum + Avx512F.Multiply(a, b) + Avx512F.Multiply((a.AsInt64() >>> 32).AsInt32(), (b.AsInt64() >>> 32).AsInt32());
    public static ulong Sum(Vector512<long> value) => (ulong)Vector512.Sum(value);
}

/// <summary>256 bits: x86 with AVX2.</summary>
internal readonly struct Lanes256 : ILanes<Vector256<float>, Vector256<int>, Vector256<long>>
{
    public static bool IsSupported => Vector256.IsHardwareAccelerated && Avx2.IsSupported;
    public static int Count => Vector256<float>.Count;
    public static Vector256<float> Floats(ref float from) => Vector256.LoadUnsafe(ref from);
    public static Vector256<float> Floats(float all) => Vector256.Create(all);
    public static Vector256<float> Floats(Vector256<int> integers) => Vector256.ConvertToSingle(integers);
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;
    public static void Store(Vector256<float> value, ref float to) => value.StoreUnsafe(ref to);
    public static Vector256<int> Integers(ref int from) => Vector256.LoadUnsafe(ref from);
    public static Vector256<int> Integers(int all) => Vector256.Create(all);
    public static Vector256<int> Integers(Vector256<float> floats) => Avx.ConvertToVector256Int32(floats);
    public static Vector256<int> Bits(Vector256<float> floats) => floats.AsInt32();
    public static Vector256<int> Add(Vector256<int> a, Vector256<int> b) => a + b;
    public static Vector256<int> And(Vector256<int> a, Vector256<int> b) => a & b;
    public static Vector256<int> Xor(Vector256<int> a, Vector256<int> b) => a ^ b;
    public static Vector256<int> Max(Vector256<int> a, Vector256<int> b) => Vector256.Max(a, b);
    public static Vector256<int> Min(Vector256<int> a, Vector256<int> b) => Vector256.Min(a, b);
    public static void Store(Vector256<int> value, ref int to) => value.StoreUnsafe(ref to);
    public static Vector256<int> Or(Vector256<int> a, Vector256<int> b) => a | b;
    public static Vector256<int> MultiplyLow(Vector256<int> a, Vector256<int> b) => a * b;
    public static Vector256<int> ShiftLeft(Vector256<int> a, int bits) => a << bits;
    public static Vector256<int> ShiftRight(Vector256<int> a, int bits) => a >> bits;
    public static Vector256<int> ShiftRightUnsigned(Vector256<int> a, int bits) => a >>> bits;
    public static Vector256<int> GreaterThan(Vector256<int> a, Vector256<int> b) => Vector256.GreaterThan(a, b);
    public static Vector256<int> Select(Vector256<int> mask, Vector256<int> a, Vector256<int> b) => Vector256.ConditionalSelect(mask, a, b);
    public static Vector256<float> FloatsOf(Vector256<int> bits) => bits.AsSingle();
    public static Vector256<int> Halves(ref ushort from) => Vector256.Create(Vector128.WidenLower(Vector128.LoadUnsafe(ref from)), Vector128.WidenUpper(Vector128.LoadUnsafe(ref from))).AsInt32();
    public static void StoreHalves(Vector256<int> a, Vector256<int> b, ref ushort to) => Vector256.Narrow(a.AsUInt32(), b.AsUInt32()).StoreUnsafe(ref to);
    public static Vector256<long> AddProducts(Vector256<long> sum, Vector256<int> a, Vector256<int> b) =>
        sum + Avx2.Multiply(a, b) + Avx2.Multiply((a.AsInt64() >>> 32).AsInt32(), (b.AsInt64() >>> 32).AsInt32());
    public static ulong Sum(Vector256<long> value) => (ulong)Vector256.Sum(value);
}

/// <summary>128 bits: everywhere else, Arm among them.</summary>
internal readonly struct Lanes128 : ILanes<Vector128<float>, Vector128<int>, Vector128<long>>
{
    public static int Count => Vector128<float>.Count;
    public static Vector128<float> Floats(ref float from) => Vector128.LoadUnsafe(ref from);
    public static Vector128<float> Floats(float all) => Vector128.Create(all);
    public static Vector128<float> Floats(Vector128<int> integers) => Vector128.ConvertToSingle(integers);
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;
    public static void Store(Vector128<float> value, ref float to) => value.StoreUnsafe(ref to);
    public static Vector128<int> Integers(ref int from) => Vector128.LoadUnsafe(ref from);
    public static Vector128<int> Integers(int all) => Vector128.Create(all);
    // What is the same on every machine is a call a vector where it is not one instruction.
    public static Vector128<int> Integers(Vector128<float> floats) =>
        Sse2.IsSupported ? Sse2.ConvertToVector128Int32(floats) : AdvSimd.IsSupported ? AdvSimd.ConvertToInt32RoundToEven(floats) : Vector128.ConvertToInt32Native(Vector128.Round(floats, MidpointRounding.ToEven));
    public static Vector128<int> Bits(Vector128<float> floats) => floats.AsInt32();
    public static Vector128<int> Add(Vector128<int> a, Vector128<int> b) => a + b;
    public static Vector128<int> And(Vector128<int> a, Vector128<int> b) => a & b;
    public static Vector128<int> Xor(Vector128<int> a, Vector128<int> b) => a ^ b;
    public static Vector128<int> Max(Vector128<int> a, Vector128<int> b) => Vector128.Max(a, b);
    public static Vector128<int> Min(Vector128<int> a, Vector128<int> b) => Vector128.Min(a, b);
    public static void Store(Vector128<int> value, ref int to) => value.StoreUnsafe(ref to);
    public static Vector128<int> Or(Vector128<int> a, Vector128<int> b) => a | b;
    public static Vector128<int> MultiplyLow(Vector128<int> a, Vector128<int> b) => a * b;
    public static Vector128<int> ShiftLeft(Vector128<int> a, int bits) => a << bits;
    public static Vector128<int> ShiftRight(Vector128<int> a, int bits) => a >> bits;
    public static Vector128<int> ShiftRightUnsigned(Vector128<int> a, int bits) => a >>> bits;
    public static Vector128<int> GreaterThan(Vector128<int> a, Vector128<int> b) => Vector128.GreaterThan(a, b);
    public static Vector128<int> Select(Vector128<int> mask, Vector128<int> a, Vector128<int> b) => Vector128.ConditionalSelect(mask, a, b);
    public static Vector128<float> FloatsOf(Vector128<int> bits) => bits.AsSingle();
    public static Vector128<int> Halves(ref ushort from) => Vector128.WidenLower(Vector64.LoadUnsafe(ref from).ToVector128()).AsInt32();
    public static void StoreHalves(Vector128<int> a, Vector128<int> b, ref ushort to) => Vector128.Narrow(a.AsUInt32(), b.AsUInt32()).StoreUnsafe(ref to);
    public static Vector128<long> AddProducts(Vector128<long> sum, Vector128<int> a, Vector128<int> b) =>
        sum + (Vector128.WidenLower(a) * Vector128.WidenLower(b)) + (Vector128.WidenUpper(a) * Vector128.WidenUpper(b));
    public static ulong Sum(Vector128<long> value) => (ulong)Vector128.Sum(value);
}
