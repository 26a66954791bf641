using Garnet.common;
using Garnet.networking;
using Garnet.server;

namespace Lockstep.Engine.Redis;

/// <summary>
/// Between the network and an embedded server's sessions. Garnet passes over lines that it cannot read and executes what comes after them, such as the body of a web page's request:
/// here a message that does not begin as a client's does closes the connection before anything of it is executed.
/// </summary>
internal sealed class GuardedSessions : ISessionProvider
{
    /// <summary>Every client sends its commands as arrays; a request of HTTP, plain or over TLS, begins otherwise.</summary>
    private const byte ArrayMark = (byte)'*';

    /// <summary>Bytes. A client's greeting has some hundred.</summary>
    private const int LongestGreeting = 65_536;

    private readonly GarnetServerBase _server;
    private ISessionProvider _sessions;

    private GuardedSessions(GarnetServerBase server, ISessionProvider sessions) => (_server, _sessions) = (server, sessions);

    public MaxSizeSettings GetMaxSizeSettings => _sessions.GetMaxSizeSettings;

    /// <summary>Puts a guard in front of a server that does not listen yet.</summary>
    public static void PutBefore(GarnetServerBase server)
    {
        server.Unregister(WireFormat.ASCII, out ISessionProvider sessions);
        server.Register(WireFormat.ASCII, new GuardedSessions(server, sessions));
    }

    public IMessageConsumer GetSession(WireFormat wireFormat, INetworkSender networkSender)
    {
        (IMessageConsumer session, Func<bool> isIn) = FleetPassword.Watch(() => _server.AddSession(wireFormat, ref _sessions, networkSender, out IMessageConsumer made) ? made : throw new GarnetException("There is no session to be had."));
        return new GuardedSession(session, isIn, networkSender);
    }

    private sealed class GuardedSession(IMessageConsumer session, Func<bool> isIn, INetworkSender sender) : IMessageConsumer
    {
        public unsafe int TryConsumeMessages(byte* reqBuffer, int bytesRead)
        {
            if (bytesRead > 0 && (*reqBuffer != ArrayMark || (bytesRead > LongestGreeting && !isIn())))
            {
                sender.DisposeNetworkSender(waitForSendCompletion: false);
                return bytesRead;
            }

            return session.TryConsumeMessages(reqBuffer, bytesRead);
        }

        public void Dispose() => session.Dispose();
    }
}
