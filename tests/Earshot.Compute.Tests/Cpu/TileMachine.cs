using System.Buffers.Binary;
using Earshot.Compute.Cpu.Kernels;

namespace Earshot.Compute.Tests.Cpu;

/// <summary>
/// Executes the machine code of tile kernels, instruction by instruction, on processors without AMX: general registers, real
/// memory, and eight tile registers as the Software Developer's Manual describes them. Any byte it does not know fails.
/// </summary>
internal sealed unsafe class TileMachine(byte* code)
{
    const int Rax = 0;

    readonly long[] _registers = new long[16];
    readonly byte[][] _tiles = new byte[8][];
    readonly int[] _rows = new int[8];
    readonly int[] _rowBytes = new int[8];
    byte* _next;
    bool _zero;
    bool _configured;

    /// <summary>
    /// Runs from each offset to a return, with the arguments' address as the first parameter; the last must give the tiles back.
    /// </summary>
    public void Run(MicroArguments* arguments, params ReadOnlySpan<int> entries)
    {
        foreach (int entry in entries)
        {
            _registers[7] = (long)arguments;
            _next = code + entry;
            int executed = 0;
            while (Step()) Assert.True(++executed < 1_000_000, "the code does not end");
        }
        Assert.False(_configured, "tiles were not released");
    }

    bool Step()
    {
        byte first = *_next++;
        switch (first)
        {
            case 0xC3: return false;
            case 0xC4: TileInstruction(); return true;
            case 0x90: return true;
            case 0xE9: _next += Int32() + 4; return true;
            case 0x0F: ConditionalJumpOrPrefetch(0); return true;
            case >= 0x40 and <= 0x47: Assert.Equal(0x0F, *_next++); ConditionalJumpOrPrefetch(first); return true;
            case >= 0x48 and <= 0x4F: Wide(first); return true;
            default: throw new NotSupportedException($"byte {first:X2}");
        }
    }

    void ConditionalJumpOrPrefetch(int rex)
    {
        byte second = *_next++;
        if (second == 0x18)
        {
            Address(rex, out _);
            return;
        }
        Assert.True(second is 0x84 or 0x85, $"jump {second:X2}");
        int distance = Int32();
        _next += 4;
        if (_zero == (second == 0x84)) _next += distance;
    }

    void Wide(byte rex)
    {
        byte opcode = *_next++;
        byte modRm = *_next;
        int reg = (modRm >> 3 & 7) | (rex & 4) << 1, rm = (modRm & 7) | (rex & 1) << 3;
        bool registers = modRm >= 0xC0;
        switch (opcode)
        {
            case 0x8B when registers: _next++; _registers[reg] = _registers[rm]; break;
            case 0x8B: _registers[reg] = *(long*)Address(rex, out _); break;
            case 0x8D: { long address = Address(rex, out int target); _registers[target] = address; break; }
            case 0x03 when registers: _next++; _registers[reg] += _registers[rm]; break;
            case 0x85 when registers: _next++; _zero = (_registers[reg] & _registers[rm]) == 0; break;
            case 0xC7: _next++; _registers[rm] = Int32(); _next += 4; break;
            case 0x81 or 0x83: Immediate(opcode, modRm >> 3 & 7, rm); break;
            default: throw new NotSupportedException($"opcode {opcode:X2}");
        }
    }

    void Immediate(byte opcode, int operation, int register)
    {
        _next++;
        int value = opcode == 0x83 ? (sbyte)*_next : Int32();
        _next += opcode == 0x83 ? 1 : 4;
        Assert.True(operation is 0 or 5);
        _registers[register] += operation == 0 ? value : -value;
        _zero = _registers[register] == 0;
    }

    long Address(int rex, out int reg)
    {
        byte modRm = *_next++;
        reg = (modRm >> 3 & 7) | (rex & 4) << 1;
        int mod = modRm >> 6, rm = modRm & 7;
        if (mod == 0 && rm == 5)
        {
            long distance = Int32();
            _next += 4;
            return (long)_next + distance;
        }
        long address;
        if (rm == 4)
        {
            byte sib = *_next++;
            int index = (sib >> 3 & 7) | (rex & 2) << 2;
            address = _registers[(sib & 7) | (rex & 1) << 3] + (index == 4 ? 0 : _registers[index] << (sib >> 6));
        }
        else
        {
            address = _registers[rm | (rex & 1) << 3];
        }
        if (mod == 1) address += (sbyte)*_next++;
        if (mod != 2) return address;
        address += Int32();
        _next += 4;
        return address;
    }

    void TileInstruction()
    {
        byte second = *_next++, third = *_next++, opcode = *_next++;
        Assert.Equal(0xC2, second & 0xDF); // map 0F38, R and X as they are without extension
        int baseExtension = (second & 0x20) == 0 ? 8 : 0;
        byte modRm = *_next++;
        int reg = modRm >> 3 & 7;
        switch (opcode, third & 0x83)
        {
            case (0x49, 0x00) when modRm == 0xC0: _configured = false; break;
            case (0x49, 0x00): Configure((byte*)_registers[(modRm & 7) | baseExtension]); break;
            case (0x49, 0x03): _tiles[reg] = new byte[_rows[reg] * _rowBytes[reg]]; break;
            case (0x4B, 0x03): Load(reg, baseExtension); break;
            case (0x4B, 0x02): Store(reg, baseExtension); break;
            case (0x5C, 0x02): Multiply(reg, modRm & 7, ~third >> 3 & 15, DotBFloat16); break;
            case (0x5E, 0x02): Multiply(reg, modRm & 7, ~third >> 3 & 15, DotSignedUnsigned); break;
            default: throw new NotSupportedException($"tile opcode {opcode:X2} {third:X2}");
        }
    }

    void Configure(byte* configuration)
    {
        Assert.Equal(1, configuration[0]);
        _configured = true;
        for (int tile = 0; tile < 8; tile++)
        {
            _rowBytes[tile] = *(ushort*)(configuration + 16 + 2 * tile);
            _rows[tile] = configuration[48 + tile];
            Assert.InRange(_rowBytes[tile], 1, 64);
            Assert.InRange(_rows[tile], 1, 16);
            _tiles[tile] = new byte[_rows[tile] * _rowBytes[tile]];
        }
    }

    byte* TileAddress(int baseExtension)
    {
        Assert.True(_configured);
        byte sib = *_next++;
        Assert.Equal(Rax, sib >> 3);
        long address = _registers[(sib & 7) | baseExtension] + Int32();
        _next += 4;
        return (byte*)address;
    }

    void Load(int tile, int baseExtension)
    {
        byte* from = TileAddress(baseExtension);
        for (int row = 0; row < _rows[tile]; row++)
        {
            new Span<byte>(from + row * _registers[Rax], _rowBytes[tile]).CopyTo(_tiles[tile].AsSpan(row * _rowBytes[tile]));
        }
    }

    void Store(int tile, int baseExtension)
    {
        byte* to = TileAddress(baseExtension);
        for (int row = 0; row < _rows[tile]; row++)
        {
            _tiles[tile].AsSpan(row * _rowBytes[tile], _rowBytes[tile]).CopyTo(new Span<byte>(to + row * _registers[Rax], _rowBytes[tile]));
        }
    }

    void Multiply(int sum, int left, int right, Func<int, ReadOnlySpan<byte>, ReadOnlySpan<byte>, int> dot)
    {
        Assert.Equal(_rows[sum], _rows[left]);
        Assert.Equal(_rowBytes[sum], _rowBytes[right]);
        Assert.Equal(_rows[right] * 4, _rowBytes[left]);
        for (int m = 0; m < _rows[sum]; m++)
        {
            for (int n = 0; n < _rowBytes[sum] / 4; n++)
            {
                var element = _tiles[sum].AsSpan(m * _rowBytes[sum] + n * 4, 4);
                int value = BinaryPrimitives.ReadInt32LittleEndian(element);
                for (int k = 0; k < _rows[right]; k++)
                {
                    value = dot(
                        value, _tiles[left].AsSpan(m * _rowBytes[left] + k * 4, 4), _tiles[right].AsSpan(k * _rowBytes[right] + n * 4, 4));
                }
                BinaryPrimitives.WriteInt32LittleEndian(element, value);
            }
        }
    }

    static int DotBFloat16(int sum, ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        float value = BitConverter.Int32BitsToSingle(sum);
        for (int i = 0; i < 4; i += 2)
        {
            value += BFloat16.ToSingle(BinaryPrimitives.ReadUInt16LittleEndian(
                left[i..])) * BFloat16.ToSingle(BinaryPrimitives.ReadUInt16LittleEndian(right[i..]));
        }
        return BitConverter.SingleToInt32Bits(value);
    }

    static int DotSignedUnsigned(int sum, ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        for (int i = 0; i < 4; i++) sum += (sbyte)left[i] * right[i];
        return sum;
    }

    int Int32() => *(int*)_next;
}
