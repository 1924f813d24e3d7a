using System.Collections.Concurrent;
using Earshot.Checkpoints;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Earshot.Cli.Models;

/// <summary>Shows downloads while they run: a bar a file on a terminal, a line a file elsewhere.</summary>
internal static class DownloadDisplay
{
    public static async Task<T> RunAsync<T>(Terminal terminal, Func<IProgress<DownloadProgress>, Task<T>> download)
    {
        if (!terminal.ErrorIsTerminal || terminal.Quiet) return await download(new Lines(terminal)).ConfigureAwait(false);
        return await terminal.ErrorConsole().Progress()
            .AutoClear(false)
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn { Width = 30 }, new PercentageColumn(),
                new SizeColumn(), new RemainingTimeColumn())
            .StartAsync(context => download(new Bars(context)))
            .ConfigureAwait(false);
    }

    sealed class Bars(ProgressContext context) : IProgress<DownloadProgress>
    {
        readonly ConcurrentDictionary<string, Lazy<ProgressTask>> _tasks = new();

        public void Report(DownloadProgress value)
        {
            var task = _tasks.GetOrAdd(value.File, file => new Lazy<ProgressTask>(() => context.AddTask(Markup.Escape(file)))).Value;
            task.IsIndeterminate = value.Total is null;
            if (value.Total is { } total) task.MaxValue = Math.Max(total, 1);
            // An empty file is as complete as any.
            task.Value = value.Total == 0 ? 1 : value.Bytes;
        }
    }

    /// <summary>Bytes here of all bytes and, while they come, how many a second; in decimal units, as everywhere else.</summary>
    sealed class SizeColumn : ProgressColumn
    {
        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
        {
            var total = Units.Bytes((long)task.MaxValue);
            if (task.IsFinished) return new Text(total);
            var speed = task.Speed is { } bytes and > 0 ? $"  {Units.Bytes((long)bytes)}/s" : "";
            return new Text(
                task.IsIndeterminate ? $"{Units.Bytes((long)task.Value)}{speed}" : $"{Units.Bytes((long)task.Value)} of {total}{speed}");
        }
    }

    sealed class Lines(Terminal terminal) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value)
        {
            if (value.Bytes == value.Total) terminal.Say($"{value.File}  {Units.Bytes(value.Bytes)}");
        }
    }
}
