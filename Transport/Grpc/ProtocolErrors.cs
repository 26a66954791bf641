using Grpc.Core;
using Lockstep.Core.Protocol;

namespace Lockstep.Transport.Grpc;

/// <summary><see cref="ProtocolException"/> as a gRPC status with a trailer, and back.</summary>
public static class ProtocolErrors
{
    private const string Trailer = "lockstep-error";

    /// <summary>Longest message that travels. HTTP clients refuse trailers of more than 64 KB, and a character may take nine bytes there.</summary>
    private const int LongestMessage = 4096;

    public static RpcException ToRpc(ProtocolException exception)
    {
        StatusCode code = exception.Error switch
        {
            ProtocolError.UnknownJob => StatusCode.NotFound,
            ProtocolError.Conflict => StatusCode.FailedPrecondition,
            ProtocolError.Invalid => StatusCode.InvalidArgument,
            ProtocolError.TooLarge => StatusCode.ResourceExhausted,
            ProtocolError.Checkpoint => StatusCode.DataLoss,
            _ => StatusCode.Aborted,
        };
        // A header's value is ASCII; the message itself travels percent-encoded in the status.
        string message = exception.Message.Length <= LongestMessage ? exception.Message : exception.Message[..LongestMessage] + " …";
        return new RpcException(new Status(code, message), new Metadata { { Trailer, exception.Error.ToString() } });
    }

    /// <returns>Null where the status has another cause.</returns>
    public static ProtocolException? FromRpc(RpcException exception) =>
        Enum.TryParse(exception.Trailers.GetValue(Trailer), out ProtocolError error) && Enum.IsDefined(error) ? new ProtocolException(error, exception.Status.Detail) : null;
}
