using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Training;

/// <summary>
/// What code does, as a hash: names, signatures, constants and instructions of assemblies. Where they were built, when, and whether they were compiled ahead does not show.
/// </summary>
public static class CodeIdentity
{
    private const int Bytes = 8;

    /// <summary>The identity of a program's own models and data sources: of the assemblies that they are in, and of all those refer to that are neither ours, nor .NET's, nor TorchSharp's.</summary>
    /// <returns>Hexadecimal; null: there are none.</returns>
    public static string? Of(ComponentCatalog catalog)
    {
        var found = new SortedDictionary<string, Assembly>(StringComparer.Ordinal);
        foreach (Assembly assembly in catalog.Assemblies)
        {
            Collect(assembly, found);
        }

        if (found.Count == 0)
        {
            return null;
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Assembly assembly in found.Values)
        {
            hash.AppendData(OfFile(assembly.Location));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, Bytes));
    }

    /// <summary>The hash of one assembly.</summary>
    public static byte[] OfFile(string path)
    {
        using var file = File.OpenRead(path);
        using var image = new PEReader(file);
        MetadataReader metadata = image.GetMetadataReader();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Text(StringHandle handle) => hash.AppendData(Encoding.UTF8.GetBytes(metadata.GetString(handle) + "\0"));
        void Blob(BlobHandle handle) => Numbered(metadata.GetBlobBytes(handle));
        void Number(int number) => hash.AppendData(BitConverter.GetBytes(number));
        void Numbered(byte[] bytes)
        {
            Number(bytes.Length);
            hash.AppendData(bytes);
        }

        Text(metadata.GetAssemblyDefinition().Name);
        foreach (AssemblyReferenceHandle handle in metadata.AssemblyReferences)
        {
            Text(metadata.GetAssemblyReference(handle).Name);
        }

        foreach (TypeReferenceHandle handle in metadata.TypeReferences)
        {
            TypeReference type = metadata.GetTypeReference(handle);
            Text(type.Namespace);
            Text(type.Name);
        }

        foreach (MemberReferenceHandle handle in metadata.MemberReferences)
        {
            MemberReference member = metadata.GetMemberReference(handle);
            Number(Token(member.Parent));
            Text(member.Name);
            Blob(member.Signature);
        }

        foreach (TypeDefinitionHandle handle in metadata.TypeDefinitions)
        {
            TypeDefinition type = metadata.GetTypeDefinition(handle);
            Text(type.Namespace);
            Text(type.Name);
            Number((int)type.Attributes);
            Number(Token(type.BaseType));
            foreach (InterfaceImplementationHandle implemented in type.GetInterfaceImplementations())
            {
                Number(Token(metadata.GetInterfaceImplementation(implemented).Interface));
            }
        }

        foreach (FieldDefinitionHandle handle in metadata.FieldDefinitions)
        {
            FieldDefinition field = metadata.GetFieldDefinition(handle);
            Text(field.Name);
            Blob(field.Signature);
            if (!field.GetDefaultValue().IsNil)
            {
                Blob(metadata.GetConstant(field.GetDefaultValue()).Value);
            }
        }

        // The first byte of the heap is no text.
        for (UserStringHandle handle = metadata.GetHeapSize(HeapIndex.UserString) > 1 ? MetadataTokens.UserStringHandle(1) : default; !handle.IsNil; handle = metadata.GetNextHandle(handle))
        {
            Numbered(Encoding.Unicode.GetBytes(metadata.GetUserString(handle)));
        }

        foreach (MethodDefinitionHandle handle in metadata.MethodDefinitions)
        {
            MethodDefinition method = metadata.GetMethodDefinition(handle);
            Text(method.Name);
            Blob(method.Signature);
            if (method.RelativeVirtualAddress != 0)
            {
                Numbered(image.GetMethodBody(method.RelativeVirtualAddress).GetILBytes() ?? []);
            }
        }

        return hash.GetHashAndReset();

        static int Token(EntityHandle handle) => handle.IsNil ? 0 : MetadataTokens.GetToken(handle);
    }

    private static void Collect(Assembly assembly, SortedDictionary<string, Assembly> found)
    {
        string name = assembly.GetName().Name ?? "";
        if (UserCode.IsOurs(name) || assembly.Location.Length == 0 || !found.TryAdd(name, assembly))
        {
            return;
        }

        foreach (AssemblyName reference in assembly.GetReferencedAssemblies().Where(reference => !UserCode.IsOurs(reference.Name ?? "")))
        {
            try
            {
                Collect(Assembly.Load(reference), found);
            }
            catch (FileNotFoundException)
            {
                // What is not there is not called.
            }
        }
    }
}
