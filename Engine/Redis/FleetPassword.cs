using System.Security.Cryptography;
using System.Text;
using Garnet.common;
using Garnet.server;
using Garnet.server.Auth;
using Garnet.server.Auth.Settings;

namespace Lockstep.Engine.Redis;

/// <summary>The one password of an embedded server. Whoever shows another one loses the connection.</summary>
internal sealed class FleetPassword(string password) : IAuthenticationSettings
{
    private readonly byte[] _hash = SHA256.HashData(Encoding.UTF8.GetBytes(password));

    // A session makes its authenticator while it is made itself, and tries it without a password.
    [ThreadStatic]
    private static Entry? _newest;

    /// <summary>Makes a session, and tells whether it has shown the password.</summary>
    public static (T Session, Func<bool> IsIn) Watch<T>(Func<T> make)
    {
        _newest = null;
        T session = make();
        Entry entry = _newest ?? throw new InvalidOperationException("A session was made that asks for no password.");
        entry.IsOpen = true;
        return (session, () => entry.IsAuthenticated);
    }

    public IGarnetAuthenticator CreateAuthenticator(StoreWrapper storeWrapper) => _newest = new Entry(_hash);

    public void Dispose()
    {
    }

    private sealed class Entry(byte[] hash) : IGarnetAuthenticator
    {
        public bool IsAuthenticated { get; private set; }

        public bool CanAuthenticate => true;

        /// <value>Whether what is shown comes from a client.</value>
        public bool IsOpen { get; set; }

        public bool HasACLSupport => false;

        /// <remarks>Hashes are equally long, and comparing them takes as long whatever was shown.</remarks>
        public bool Authenticate(ReadOnlySpan<byte> password, ReadOnlySpan<byte> username)
        {
            Span<byte> shown = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(password, shown);
            IsAuthenticated = CryptographicOperations.FixedTimeEquals(shown, hash);
            return IsAuthenticated || !IsOpen ? IsAuthenticated : throw new GarnetException("WRONGPASS This is not the password of this fleet's server.");
        }
    }
}
