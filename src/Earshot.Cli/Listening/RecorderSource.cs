using System.Buffers.Binary;
using System.ComponentModel;
using System.Diagnostics;
using Earshot.Audio;

namespace Earshot.Cli.Listening;

/// <summary>
/// The sound of a device, by a recorder program. One that gives nothing is passed over for the next; a device that vanishes later is
/// waited for, and both are said.
/// </summary>
internal sealed class RecorderSource : LiveSource
{
    static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2);

    const int AuHeader = 24, LargestHeader = 4096;

    readonly Terminal _terminal;
    readonly IReadOnlyList<(string Path, string Name, IReadOnlyList<string> Arguments)> _programs;
    int _program;
    Process? _process;
    RawSource? _sound;
    bool _any;
    string _complaint = "";

    /// <exception cref="UsageException">No program is there that can record it.</exception>
    public RecorderSource(Terminal terminal, RecordedSound sound, string? device)
    {
        _terminal = terminal;
        _programs = [.. RecorderProgram.All
            .Select(program => (Path: RecorderProgram.Find(program.Name), program.Name, Arguments: program.Arguments(sound, device)))
            .Where(program => program is { Path: not null, Arguments: not null })
            .Select(program => (program.Path!, program.Name, program.Arguments!))];
        if (_programs.Count > 0) return;
        throw new UsageException(sound == RecordedSound.System
            ? $"the computer's own sound cannot be recorded here: {RecorderProgram.HowToRecordSystem}."
            : $"no program that records was found ({string.Join(", ", RecorderProgram.All.Select(program => program.Name))}); " +
                "install one, give --input on Windows, or pipe sound in: earshot listen -");
    }

    public override string Name => _programs[_program].Name;

    public override int SampleRate => SampleStream.SampleRate;

    public override bool IsRealTime => true;

    public override async ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken cancellationToken)
    {
        while (true)
        {
            _sound ??= await StartAsync(cancellationToken).ConfigureAwait(false);
            int count = _sound is null ? 0 : await _sound.ReadAsync(samples, cancellationToken).ConfigureAwait(false);
            if (count > 0)
            {
                if (!_any) _terminal.Say($"Listening with {Name}; Ctrl-C ends.");
                _any = true;
                return count;
            }
            Stop();
            await WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) Stop();
        base.Dispose(disposing);
    }

    async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        if (_any)
        {
            _terminal.Warn($"{Name} gives no more sound{_complaint}; waiting for the device.");
            await Task.Delay(s_retry, cancellationToken).ConfigureAwait(false);
            return;
        }
        _terminal.Warn($"{Name} gave no sound{_complaint}.");
        if (++_program == _programs.Count)
        {
            _program--;
            throw new AudioFormatException(
                $"none of {string.Join(", ", _programs.Select(program => program.Name))} could record. " +
                "Look at the devices with --list-devices, and name one with --input.");
        }
    }

    async ValueTask<RawSource?> StartAsync(CancellationToken cancellationToken)
    {
        var (path, _, arguments) = _programs[_program];
        var start = new ProcessStartInfo(path)
        {
            UseShellExecute = false,
            CreateNoWindow = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        _complaint = "";
        try
        {
            _process = Process.Start(start);
        }
        catch (Win32Exception e)
        {
            _complaint = $" ({e.Message})";
            return null;
        }
        _process!.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is { Length: > 0 } text && _complaint.Length == 0) _complaint = $" ({text.Trim()})";
        };
        _process.BeginErrorReadLine();
        return await WithoutHeaderAsync(_process.StandardOutput.BaseStream, cancellationToken).ConfigureAwait(false);
    }

    // PipeWire's recorder gives a stream of Sun's .au format, big-endian, where its output is no file.
    async ValueTask<RawSource?> WithoutHeaderAsync(Stream output, CancellationToken cancellationToken)
    {
        if (Name != "pw-record") return new RawSource(output, new RawFormat("s16le", SampleStream.SampleRate, 1), Name);
        var header = new byte[AuHeader];
        if (await output.ReadAtLeastAsync(header, AuHeader, false, cancellationToken).ConfigureAwait(false) < AuHeader) return null;
        if (!header.AsSpan(0, 4).SequenceEqual(".snd"u8))
            return new RawSource(output, new RawFormat("s16le", SampleStream.SampleRate, 1), Name);
        int length = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4));
        if (length is < AuHeader or > LargestHeader) return null;
        await output.ReadExactlyAsync(new byte[length - AuHeader], cancellationToken).ConfigureAwait(false);
        return new RawSource(output, new RawFormat("s16be", SampleStream.SampleRate, 1), Name);
    }

    void Stop()
    {
        _sound?.Dispose();
        _sound = null;
        if (_process is null) return;
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // It has ended by itself.
        }
        _process.Dispose();
        _process = null;
    }
}
