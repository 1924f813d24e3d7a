using Earshot.Compute.Cpu.Emit;
using Earshot.Compute.Cpu.Kernels;
using Earshot.Compute.Quantization;

namespace Earshot.Compute.Cpu;

/// <summary>What this machine can do at most, measured in this process: arithmetic on registers only, and streaming memory.</summary>
public sealed class MachinePeaks
{
    readonly Isa _isa;
    readonly int _threads;
    readonly Dictionary<PanelType, double> _operations = [];

    /// <summary>
    /// Measures memory for the instructions and threads that the options choose; arithmetic when it is asked for. Each takes about a
    /// second.
    /// </summary>
    public MachinePeaks(CpuOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _isa = Isa.Select(options.InstructionSet);
        _threads = options.Threads ?? ProcessorCores.Count;
        ReadGigabytesPerSecond = PeakLoops.ReadBandwidth(_threads);
    }

    /// <summary>10⁹ bytes a second that all threads together read from memory.</summary>
    public double ReadGigabytesPerSecond { get; }

    /// <summary>The instructions in use, for reports.</summary>
    public string Instructions =>
        $"{_isa.Set}{(_isa.HasBf16 ? " + BF16" : "")}{(_isa is { HasVnni: true, IsNeon: false } ? " + VNNI" : "")}";

    /// <summary>
    /// 10⁹ operations a second (a multiplication and an addition are two) that matrix products of a format reach at most.
    /// </summary>
    public double Gigaflops(WeightFormat format)
    {
        var type = PanelOf(format);
        if (!_operations.TryGetValue(type, out double peak)) _operations[type] = peak = Measure(type);
        return peak;
    }

    double Measure(PanelType type)
    {
        if (_isa.IsNeon)
        {
            using var neon = NeonPeaks.Emit(_isa, type, out double operations);
            return neon is null ? PeakLoops.Vectors(_threads) : PeakLoops.Emitted(neon, operations, _threads);
        }
        bool tiles = _isa.Set == InstructionSet.Amx && type != PanelType.F32;
        using var code = type == PanelType.Int16 ? PeakLoops.EmitInt16()
            : _isa.Set < InstructionSet.Avx512 ? null
            : tiles ? PeakLoops.EmitTiles(type)
            : PeakLoops.EmitVectors(type);
        return code is null ? PeakLoops.Vectors(_threads) : PeakLoops.Emitted(code, type, tiles, _threads);
    }

    // What many rows of a format are multiplied as: weights of four bits are unpacked to bfloat16 where that is faster.
    PanelType PanelOf(WeightFormat format) => format.Bits switch
    {
        8 when _isa.IsNeon => PanelType.Int8,
        8 when _isa.Set >= InstructionSet.Avx512 && (_isa.HasVnni || _isa.Set == InstructionSet.Amx) => PanelType.Int8,
        8 when _isa.Set == InstructionSet.Avx2 => PanelType.Int16,
        8 or 32 => PanelType.F32,
        _ => _isa.HasBf16 || _isa.Set == InstructionSet.Amx ? PanelType.BF16 : PanelType.F32,
    };
}
