using System.Buffers.Binary;
using System.Text;

namespace Earshot.Checkpoints.Torch;

/// <summary>
/// Reads a pickle as plain data: a stack machine that knows the opcodes that tensors and their dictionaries need, and calls nothing. Any
/// other opcode, and any name that is not in <see cref="TorchGlobals"/>, ends it with a message that names it. Follows CPython's
/// <c>pickletools</c>.
/// </summary>
sealed class PickleReader(FileCursor cursor)
{
    const int MaxOpcodes = 4_000_000, MaxName = 256;
    const string Advice = "Do not trust this file: weights need nothing of the kind. Take safetensors weights in its place.";

    static readonly object s_mark = new();

    readonly List<object?> _stack = [];
    readonly Dictionary<uint, object?> _memo = [];

    /// <summary>The value that the pickle ends with; the cursor is behind its last opcode.</summary>
    /// <exception cref="CheckpointException">It is damaged, or asks for what is not plain data.</exception>
    public object? Read()
    {
        for (int count = 0; count < MaxOpcodes; count++)
        {
            if (cursor.Remaining == 0) throw Damaged("ends before its last opcode");
            long at = cursor.Position;
            byte opcode = cursor.ReadByte();
            if (opcode == '.') return _stack.Count == 1 ? Pop() : throw Damaged($"ends with {_stack.Count} values");
            if (!RunValue(opcode) && !RunCollection(opcode) && !RunName(opcode))
            {
                throw cursor.Damaged(
                    $"its pickle has the opcode {Describe(opcode)} at byte {at}, which tensors do not need", advice: Advice);
            }
        }
        throw Damaged($"has more than {MaxOpcodes} opcodes");
    }

    bool RunValue(byte opcode)
    {
        switch (opcode)
        {
            case 0x80: // PROTO
                if (cursor.ReadByte() is > 5 and var protocol) throw Damaged($"is of the protocol {protocol}");
                break;
            case 0x95: cursor.ReadUInt64(); break; // FRAME: how much is to be read ahead
            case (byte)'N': Push(null); break;
            case 0x88: Push(true); break;
            case 0x89: Push(false); break;
            case (byte)'J': Push((long)cursor.ReadInt32()); break;
            case (byte)'K': Push((long)cursor.ReadByte()); break;
            case (byte)'M': Push((long)cursor.ReadUInt16()); break;
            case 0x8A: Push(Long(cursor.ReadByte())); break;
            case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(cursor.ReadBytes(sizeof(double), "a number"))); break;
            case (byte)'X': Push(Text(cursor.ReadUInt32())); break;
            case 0x8C: Push(Text(cursor.ReadByte())); break;
            case 0x8D: Push(Text(cursor.ReadUInt64())); break;
            case (byte)'U': Push(Latin(cursor.ReadByte())); break;
            case (byte)'T': Push(Latin(cursor.ReadUInt32())); break;
            case (byte)'C': Push(cursor.ReadBytes(cursor.ReadByte(), "bytes")); break;
            case (byte)'B': Push(cursor.ReadBytes(cursor.ReadUInt32(), "bytes")); break;
            case (byte)'q': _memo[cursor.ReadByte()] = Peek(); break;
            case (byte)'r': _memo[cursor.ReadUInt32()] = Peek(); break;
            case 0x94: _memo[(uint)_memo.Count] = Peek(); break;
            case (byte)'h': Push(Recall(cursor.ReadByte())); break;
            case (byte)'j': Push(Recall(cursor.ReadUInt32())); break;
            default: return false;
        }
        return true;
    }

    bool RunCollection(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'(': Push(s_mark); break;
            case (byte)'0': Pop(); break;
            case (byte)'1': PopToMark(); break;
            case (byte)'}': Push(new PickleDictionary(isOrdered: false)); break;
            case (byte)']': Push(new List<object?>()); break;
            case (byte)')': Push(new PickleTuple([])); break;
            case (byte)'t': Push(new PickleTuple(PopToMark())); break;
            case 0x85 or 0x86 or 0x87: Push(new PickleTuple(PopLast(opcode - 0x84))); break;
            case (byte)'l': Push(new List<object?>(PopToMark())); break;
            case (byte)'d': SetItems(new PickleDictionary(isOrdered: false), PopToMark(), push: true); break;
            case (byte)'a': Append(PopLast(1)); break;
            case (byte)'e': Append(PopToMark()); break;
            case (byte)'s': SetItems(null, PopLast(2), push: false); break;
            case (byte)'u': SetItems(null, PopToMark(), push: false); break;
            default: return false;
        }
        return true;
    }

    bool RunName(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'c': Push(Global(Line(), Line())); break;
            case 0x93:
                var names = PopLast(2);
                Push(names is [string module, string name] ? Global(module, name) : throw Damaged("names something without a text"));
                break;
            case (byte)'Q':
                Push(TorchGlobals.Storage(Pop()) ?? throw Damaged("has a persistent id that is no storage of tensors"));
                break;
            case (byte)'R': Call(PopLast(2)); break;
            case (byte)'b': Build(PopLast(1)[0]); break;
            default: return false;
        }
        return true;
    }

    void Call(object?[] call)
    {
        if (call is not [TorchGlobal global, PickleTuple arguments])
            throw cursor.Damaged("its pickle calls what is no name (opcode REDUCE)", advice: Advice);
        Push(TorchGlobals.Call(global, arguments.Items)
            ?? throw Damaged($"calls {global.Name} with {arguments.Items.Length} arguments that it does not take"));
    }

    // A module's dictionary has its version as a state, which tells nothing of its tensors.
    void Build(object? state)
    {
        if (Peek() is not PickleDictionary { IsOrdered: true } || state is not PickleDictionary)
            throw cursor.Damaged("its pickle sets the state (opcode BUILD) of what is no OrderedDict", advice: Advice);
    }

    TorchGlobal Global(string module, string name) => TorchGlobals.Find(module, name)
        ?? throw cursor.Damaged($"its pickle names {module}.{name}, which tensors do not need", advice: Advice);

    void Append(object?[] items)
    {
        if (Peek() is not List<object?> list) throw Damaged("appends to what is no list");
        list.AddRange(items);
    }

    void SetItems(PickleDictionary? dictionary, object?[] items, bool push)
    {
        dictionary ??= Peek() as PickleDictionary ?? throw Damaged("sets items of what is no dictionary");
        if (items.Length % 2 != 0) throw Damaged("has a key without a value");
        for (int i = 0; i < items.Length; i += 2) dictionary.Set(items[i], items[i + 1]);
        if (push) Push(dictionary);
    }

    object? Recall(uint index) =>
        _memo.TryGetValue(index, out var value) ? value : throw Damaged($"recalls the value {index}, which it has not kept");

    void Push(object? value) => _stack.Add(value);

    object? Pop()
    {
        var value = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    object? Peek() => _stack.Count > 0 && _stack[^1] != s_mark ? _stack[^1] : throw Damaged("takes a value that is not there");

    object?[] PopLast(int count)
    {
        int first = _stack.Count - count;
        if (first < 0 || _stack.IndexOf(s_mark, first) >= 0) throw Damaged($"takes {count} values that are not there");
        object?[] items = [.. _stack[first..]];
        _stack.RemoveRange(first, count);
        return items;
    }

    object?[] PopToMark()
    {
        int mark = _stack.LastIndexOf(s_mark);
        if (mark < 0) throw Damaged("goes back to a mark that is not there");
        object?[] items = [.. _stack[(mark + 1)..]];
        _stack.RemoveRange(mark, _stack.Count - mark);
        return items;
    }

    long Long(int length)
    {
        if (length > sizeof(long)) throw Damaged($"has a number of {length} bytes");
        var bytes = cursor.ReadBytes(length, "a number");
        long value = 0;
        for (int i = 0; i < length; i++) value |= (long)bytes[i] << (8 * i);
        // The highest byte has the sign.
        return length is 0 or sizeof(long) ? value : value << (64 - 8 * length) >> (64 - 8 * length);
    }

    string Text(ulong length) => cursor.ReadText(Length(length), strict: true, "a text");

    string Latin(uint length) => Encoding.Latin1.GetString(cursor.ReadBytes(length, "a text"));

    int Length(ulong length)
    {
        if (length > (ulong)cursor.Remaining) throw Damaged($"has a text of {length} bytes, and {cursor.Remaining} are left");
        return checked((int)length);
    }

    // A name ends with its line.
    string Line()
    {
        Span<byte> line = stackalloc byte[MaxName];
        for (int i = 0; i < MaxName; i++)
        {
            if (cursor.Remaining == 0) throw Damaged("ends in a name");
            line[i] = cursor.ReadByte();
            if (line[i] == '\n') return Encoding.UTF8.GetString(line[..i]);
        }
        throw Damaged($"has a name of more than {MaxName} bytes");
    }

    CheckpointException Damaged(string what) => cursor.Damaged($"its pickle {what} at byte {cursor.Position}");

    static string Describe(byte opcode) => opcode switch
    {
        (byte)'i' => "INST (0x69)",
        (byte)'o' => "OBJ (0x6f)",
        (byte)'P' => "PERSID (0x50)",
        0x81 => "NEWOBJ (0x81)",
        0x82 => "EXT1 (0x82)",
        0x83 => "EXT2 (0x83)",
        0x84 => "EXT4 (0x84)",
        0x92 => "NEWOBJ_EX (0x92)",
        0x8E => "BINBYTES8 (0x8e)",
        _ => $"0x{opcode:x2}",
    };
}
