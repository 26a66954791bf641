namespace Lockstep.TorchPatcher;

/// <summary>
/// Lets TorchSharp's native library load where libstdc++ is older than that of GCC 13 (Debian 12, Ubuntu 22.04, RHEL 9).
/// <para>
/// The library asks for <c>GLIBCXX_3.4.32</c> because of one symbol, <c>_ZSt21ios_base_library_initv</c>, which GCC 13 calls in static initialisers
/// where older compilers called the constructor of <c>std::ios_base::Init</c>. That constructor is in every libstdc++ and ignores the object it is called on, so it can stand in.
/// </para>
/// <para>Remove this project, and its use in eng/Torch.targets, when TorchSharp's libLibTorchSharp.so no longer lists GLIBCXX_3.4.32 (readelf -V), or when Debian 12 is no longer supported.</para>
/// </summary>
public static class TorchLibraryPatch
{
    private const string NewSymbol = "_ZSt21ios_base_library_initv";
    private const string OldSymbol = "_ZNSt8ios_base4InitC1Ev";
    private const string NewVersion = "GLIBCXX_3.4.32";
    private const string OldVersion = "GLIBCXX_3.4";
    private const ushort WeakFlag = 2;

    /// <summary>Patches the image in place.</summary>
    /// <exception cref="InvalidDataException">The image is not one this patch knows; it is unchanged then.</exception>
    public static PatchOutcome Apply(Span<byte> image)
    {
        var elf = new ElfImage(image);
        var needs = elf.NeededVersions();
        var newVersion = needs.SingleOrDefault(n => n.Name == NewVersion);
        var oldVersion = needs.SingleOrDefault(n => n.Name == OldVersion);
        var symbols = elf.DynamicSymbols();
        var unknown = needs.FirstOrDefault(n => IsNewerThanKnown(n.Name));
        if (unknown is not null)
        {
            throw Unknown($"it needs {unknown.Name}");
        }

        var users = newVersion is null ? [] : symbols.Where(s => s.VersionIndex == newVersion.Index).ToArray();
        var targets = symbols.Where(s => s.Name == NewSymbol).ToArray();
        if (targets.Length == 0)
        {
            if (users.Length > 0)
            {
                throw Unknown($"{NewVersion} is needed by {users[0].Name}");
            }

            return newVersion is null || (newVersion.Flags & WeakFlag) != 0
                ? PatchOutcome.AlreadyPatched
                : throw Unknown($"it lists {NewVersion} without using it");
        }

        if (newVersion is null || oldVersion is null || targets.Length != 1 || users.Length != 1 || users[0] != targets[0] || targets[0].IsDefined)
        {
            throw Unknown($"{NewSymbol} is not the one undefined symbol of {NewVersion}, beside {OldVersion}");
        }

        var target = targets[0];
        var first = target.NameOffset;
        var last = first + NewSymbol.Length;
        if (elf.StringOffsetsInUse().Count(o => o >= first && o <= last) != 1)
        {
            throw Unknown($"the name {NewSymbol} is shared with another entry");
        }

        elf.WriteDynamicString(first, OldSymbol, NewSymbol.Length);
        elf.WriteSymbolVersion(target.Number, oldVersion.Index);
        elf.WriteVersionFlags(newVersion, (ushort)(newVersion.Flags | WeakFlag));
        return PatchOutcome.Patched;
    }

    private static bool IsNewerThanKnown(string name) =>
        name.StartsWith("GLIBCXX_3.4.", StringComparison.Ordinal)
        && int.TryParse(name.AsSpan("GLIBCXX_3.4.".Length), out var minor)
        && minor > 30 && name != NewVersion;

    private static InvalidDataException Unknown(string what) =>
        new($"This is not a libLibTorchSharp.so that the patch for older libstdc++ knows: {what}. After an update of TorchSharp, look at 'readelf -V' of it and adapt or remove eng/TorchPatcher.");
}
