using Lockstep.Core.Checkpoints;

namespace Lockstep.Worker.Tests.Recovery;

/// <summary>The disk as one process sees it: once that is dead, nothing of it arrives any more, not even the rest of a write.</summary>
/// <param name="before">Called with what is about to be done and the file's name; it may wait or throw.</param>
internal sealed class MortalFiles(CancellationToken dead, Action<string, string>? before = null) : ICheckpointFiles
{
    private static readonly CheckpointFiles Disk = CheckpointFiles.Disk;

    public void CreateDirectory(string path) => Do("mkdir", path, () => Disk.CreateDirectory(path));

    public Stream Create(string path)
    {
        Check("create", path);
        return new MortalStream(this, path, Disk.Create(path));
    }

    public Stream Open(string path)
    {
        Check("open", path);
        return new MortalStream(this, path, Disk.Open(path));
    }

    public void Sync(string path) => Do("sync", path, () => Disk.Sync(path));

    public void Replace(string from, string to) => Do("replace", to, () => Disk.Replace(from, to));

    public void Delete(string path) => Do("delete", path, () => Disk.Delete(path));

    public void DeleteDirectory(string path) => Do("delete", path, () => Disk.DeleteDirectory(path));

    private void Do(string what, string path, Action act)
    {
        Check(what, path);
        act();
    }

    private void Check(string what, string path)
    {
        before?.Invoke(what, Path.GetFileName(path));
        if (dead.IsCancellationRequested)
        {
            throw new IOException("The process is dead.");
        }
    }

    private sealed class MortalStream(MortalFiles files, string path, Stream stream) : Stream
    {
        public override bool CanRead => false;
        public override bool CanSeek => true;
        public override bool CanWrite => true;
        public override long Length => stream.Length;
        public override long Position { get => stream.Position; set => stream.Position = value; }

        public override void Flush()
        {
            if (!files.IsDead)
            {
                stream.Flush();
            }
        }

        public override void SetLength(long value) => files.Do("truncate", path, () => stream.SetLength(value));
        public override long Seek(long offset, SeekOrigin origin) => stream.Seek(offset, origin);
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            // Half of it may have arrived when the process dies.
            stream.Write(buffer[..(buffer.Length / 2)]);
            files.Check("write", path);
            stream.Write(buffer[(buffer.Length / 2)..]);
        }

        protected override void Dispose(bool disposing)
        {
            stream.Dispose();
            base.Dispose(disposing);
        }
    }

    private bool IsDead => dead.IsCancellationRequested;
}
