namespace Lockstep.Contracts.Tests;

/// <summary>What is written for a terminal moves no cursor, whatever it has in it.</summary>
public sealed class TerminalTests
{
    [Theory]
    [InlineData("plain\ttext\nand more\r\n", "plain\ttext\nand more\r\n")]
    [InlineData("\u001b[2J\u001b]0;title\u0007", "\\u001B[2J\\u001B]0;title\\u0007")]
    [InlineData("safe\rhidden", "safe\\u000Dhidden")]
    [InlineData("a\u0000b\u009bc\u007f", "a\\u0000b\\u009Bc\\u007F")]
    [InlineData("abc\u202edef", "abc\\u202Edef")]
    [InlineData("Größe 🙂", "Größe 🙂")]
    public void Control_characters_are_written_as_their_numbers(string text, string shown)
    {
        using var written = new StringWriter();
        using TextWriter terminal = Terminal.Plain(written);

        terminal.Write(text);
        Assert.Equal(shown, written.ToString());
    }

    [Fact]
    public async Task However_it_is_written()
    {
        await using var written = new StringWriter { NewLine = "\n" };
        await using TextWriter terminal = Terminal.Plain(written);
        terminal.NewLine = "\n";

        terminal.Write('\u001b');
        terminal.Write("\u001b".ToCharArray());
        terminal.WriteLine("{0}", "\u001b");
        await terminal.WriteLineAsync("\u001b");
        await terminal.WriteAsync("\u001b".AsMemory(), TestContext.Current.CancellationToken);

        Assert.Equal("\\u001B\\u001B\\u001B\n\\u001B\n\\u001B", written.ToString());
    }

    [Theory]
    [InlineData("host:1,password=a=b,ssl=true", "host:1,password=PASSWORD,ssl=true")]
    [InlineData("host:1, Password = a", "host:1, Password =PASSWORD")]
    [InlineData("rediss://:PW@host:6380/0", "rediss://USER:PASSWORD@host:6380/0")]
    [InlineData("rediss://:P@W@host", "rediss://USER:PASSWORD@host")]
    [InlineData("Unrecognized command or argument 'redis://me:PW@host'.", "Unrecognized command or argument 'redis://USER:PASSWORD@host'.")]
    [InlineData("http://127.0.0.1:4317", "http://127.0.0.1:4317")]
    [InlineData("host:1", "host:1")]
    public void Passwords_are_not_shown(string text, string shown) => Assert.Equal(shown, Secrets.Hide(text));
}
