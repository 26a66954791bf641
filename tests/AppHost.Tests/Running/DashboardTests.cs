using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace Lockstep.AppHost.Tests;

/// <summary>The dashboard as a person uses it, in a browser.</summary>
[Collection(RunningSet.Name)]
public sealed class DashboardTests : IDisposable
{
    /// <summary>Where a developer's run keeps the pictures; else they go with the folder.</summary>
    private const string PicturesVariable = "LOCKSTEP_PICTURES";

    private const string Dialog = "#interactions-input-dialog";

    private static readonly string? Chromium = new[] { "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome" }.FirstOrDefault(File.Exists);

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>For one thing to be seen.</summary>
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(90);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-dashboard-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_person_submits_a_sample_scales_and_reads_a_chart_and_a_trace_and_sees_no_error()
    {
        Assert.SkipWhen(Chromium is null, "There is no chromium here. Install it: apt-get install chromium.");
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        CancellationToken cancellation = patience.Token;
        await using HostProcess host = HostProcess.Start(_folder.FullName, "--port", "0", "--workers-min", "1", "--workers-max", "3");
        Uri login = await host.LoginAsync(cancellation);
        using IPlaywright playwright = await Playwright.CreateAsync();
        // Who runs tests as root has no sandbox.
        await using IBrowser browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = Chromium, Args = ["--no-sandbox"] });
        IPage page = await browser.NewPageAsync(new() { ViewportSize = new() { Width = 1400, Height = 850 } });
        page.SetDefaultTimeout((float)Step.TotalMilliseconds);
        Assertions.SetDefaultExpectTimeout((float)Step.TotalMilliseconds);
        try
        {
            await page.GotoAsync(login.OriginalString);
            await Shows(Row(page, "worker-0"), "Running");

            // Submit.
            await Row(page, "scheduler").GetByTitle("Trains one of the samples").ClickAsync();
            await ConfirmAsync(page);
            ILocator job = Row(page, "digits-");
            await Assertions.Expect(job).ToContainTextAsync(new Regex("Queued|[0-9]+ of [0-9]+|Finished"));
            await Shows(job, "Finished");
            await PictureAsync(page, "dashboard-resources");

            // Scale.
            await Row(page, "scheduler").GetByTitle("Sets the number of workers").ClickAsync();
            ILocator number = page.Locator($"{Dialog} [id^='interaction-input-'][slot='input'] input");
            await number.FillAsync("3");
            // What was typed is told to the server when the field is left.
            await number.PressAsync("Tab");
            await Assertions.Expect(number).ToHaveValueAsync("3");
            await ConfirmAsync(page);
            await Shows(Row(page, "worker-1"), "Running");
            await Shows(Row(page, "worker-2"), "Running");

            // The chart has a table of what it draws.
            Uri at = new(login, "/metrics/resource/scheduler?meter=Lockstep.Scheduler&instrument=lockstep.scheduler.workers.desired&view=Table");
            await ReloadUntilAsync(page, at, page.GetByRole(AriaRole.Gridcell, new() { Name = "3", Exact = true }).First, cancellation);
            await page.GotoAsync(new Uri(login, "/metrics/resource/scheduler?meter=Lockstep.Scheduler&instrument=lockstep.scheduler.sync.duration&view=Graph").AbsoluteUri);
            await Assertions.Expect(page.Locator(".plot-container, .js-plotly-plot").First).ToBeVisibleAsync();
            await PictureAsync(page, "dashboard-sync-latency");

            // One step's trace: a worker's slots and pushes, a shard's part, the scheduler's note.
            await page.GotoAsync(new Uri(login, "/traces").AbsoluteUri);
            ILocator step = page.GetByRole(AriaRole.Row).Filter(new() { HasText = "step" }).Filter(new() { HasText = "worker-0 (" }).Filter(new() { HasText = "ps-0 (" }).First;
            string said = await step.InnerTextAsync();
            int spans = Regex.Matches(said, @"\(([0-9]+)\)").Sum(m => int.Parse(m.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));
            Assert.True(spans >= 10, said);
            string trace = Regex.Match(await step.InnerHTMLAsync(), "Trace Id: ([0-9a-f]{32})").Groups[1].Value;
            await page.GotoAsync(new Uri(login, $"/traces/detail/{trace}").AbsoluteUri);
            await Assertions.Expect(page.Locator("main").First).ToContainTextAsync("compute slot");
            await PictureAsync(page, "dashboard-trace");

            // Nothing failed on the way.
            await page.GotoAsync(new Uri(login, "/structuredlogs?logLevel=error").AbsoluteUri);
            await Assertions.Expect(page.Locator("main").First).ToContainTextAsync("No structured logs found");
            await page.GotoAsync(new Uri(login, "/").AbsoluteUri);
            await Shows(Row(page, "worker-0"), "Running");
            Assert.DoesNotContain("No trusted development certificate", await page.Locator("body").InnerTextAsync(), StringComparison.Ordinal);
        }
        catch
        {
            await PictureAsync(page, "dashboard-failure");
            throw;
        }

        await host.StopAsync(cancellation);
        Assert.DoesNotContain("fail:", host.Output, StringComparison.Ordinal);
    }

    private static Task ConfirmAsync(IPage page) => page.Locator($"{Dialog} .interaction-dialog-actions fluent-button[appearance='primary']").ClickAsync();

    private static ILocator Row(IPage page, string name) => page.GetByRole(AriaRole.Row).Filter(new() { Has = page.Locator(".resource-name-text", new() { HasText = name }) }).First;

    private static Task Shows(ILocator row, string state) => Assertions.Expect(row).ToContainTextAsync(state);

    /// <summary>The dashboard's table may stay at "Loading..." where it is opened as numbers come in: a person reloads the page.</summary>
    private static async Task ReloadUntilAsync(IPage page, Uri address, ILocator wanted, CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            await page.GotoAsync(address.AbsoluteUri);
            try
            {
                await wanted.WaitForAsync(new() { Timeout = 10_000 });
                return;
            }
            catch (TimeoutException)
            {
            }
        }
    }

    private async Task PictureAsync(IPage page, string name) =>
        await page.ScreenshotAsync(new() { Path = Path.Combine(Environment.GetEnvironmentVariable(PicturesVariable) ?? _folder.FullName, $"{name}.png") });
}
