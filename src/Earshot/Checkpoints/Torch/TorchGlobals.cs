using Earshot.Compute;

namespace Earshot.Checkpoints.Torch;

/// <summary>A name that a pickle may hold: never looked up anywhere, and what it stands for is done here.</summary>
sealed record TorchGlobal(TorchGlobalKind Kind, string Name, DType Type = default);

enum TorchGlobalKind { OrderedDictionary, RebuildTensor, RebuildParameter, Size, Device, ElementType, Storage }

/// <summary>The names that checkpoints of tensors need, and what calling them gives. There are no others.</summary>
static class TorchGlobals
{
    const int MaxRank = Shape.MaxRank;

    static readonly Dictionary<string, TorchGlobal> s_known = Known().ToDictionary(global => global.Name, StringComparer.Ordinal);

    /// <summary>The name's meaning; null where it is none of those that are allowed.</summary>
    public static TorchGlobal? Find(string module, string name) => s_known.GetValueOrDefault($"{module}.{name}");

    /// <summary>What calling it with some arguments gives; null where it is not to be called so.</summary>
    public static object? Call(TorchGlobal global, object?[] arguments) => global.Kind switch
    {
        TorchGlobalKind.OrderedDictionary => Dictionary(arguments),
        TorchGlobalKind.RebuildTensor => View(arguments),
        TorchGlobalKind.RebuildParameter when arguments is [TorchView tensor, bool, PickleDictionary or null] => tensor,
        TorchGlobalKind.Size when arguments is [PickleTuple sizes] => sizes,
        TorchGlobalKind.Device when arguments is [string] or [string, long] => arguments[0],
        _ => null,
    };

    /// <summary>The storage that a persistent id names; null where it names something else.</summary>
    public static TorchStorage? Storage(object? id)
    {
        if (id is not PickleTuple { Items: { Length: 5 or 6 } items } || items.Length == 6 && items[5] is not null) return null;
        return items is ["storage", TorchGlobal { Kind: TorchGlobalKind.Storage } type, string key, string, long count, ..] && count >= 0
            ? new TorchStorage(key, type.Type, count)
            : null;
    }

    static PickleDictionary? Dictionary(object?[] arguments)
    {
        var dictionary = new PickleDictionary(isOrdered: true);
        if (arguments.Length == 0) return dictionary;
        if (arguments is not [List<object?> pairs]) return null;
        foreach (var pair in pairs)
        {
            if ((pair as PickleTuple)?.Items is [var key, var value]) dictionary.Set(key, value);
            else if (pair is List<object?> { Count: 2 } list) dictionary.Set(list[0], list[1]);
            else return null;
        }
        return dictionary;
    }

    // storage, offset, size, stride, requires_grad, hooks[, metadata]
    static TorchView? View(object?[] arguments)
    {
        if (arguments is not [TorchStorage storage, long offset, PickleTuple sizes, PickleTuple strides, bool, PickleDictionary or null, ..]
            || arguments.Length > 7)
        {
            return null;
        }
        return Numbers(sizes) is { } shape && Numbers(strides) is { } steps ? new TorchView(storage, offset, shape, steps) : null;
    }

    static long[]? Numbers(PickleTuple tuple) =>
        tuple.Items.Length <= MaxRank && Array.TrueForAll(tuple.Items, item => item is long) ? [.. tuple.Items.Cast<long>()] : null;

    static IEnumerable<TorchGlobal> Known()
    {
        yield return new(TorchGlobalKind.OrderedDictionary, "collections.OrderedDict");
        yield return new(TorchGlobalKind.RebuildTensor, "torch._utils._rebuild_tensor_v2");
        yield return new(TorchGlobalKind.RebuildParameter, "torch._utils._rebuild_parameter");
        yield return new(TorchGlobalKind.Size, "torch.Size");
        yield return new(TorchGlobalKind.Device, "torch.device");
        (string Storage, DType Type, string[] Names)[] types =
        [
            ("Double", DType.F64, ["float64", "double"]), ("Float", DType.F32, ["float32", "float"]),
            ("Half", DType.F16, ["float16", "half"]), ("BFloat16", DType.BF16, ["bfloat16"]), ("Long", DType.I64, ["int64", "long"]),
            ("Int", DType.I32, ["int32", "int"]), ("Short", DType.I16, ["int16", "short"]), ("Char", DType.I8, ["int8"]),
            ("Byte", DType.U8, ["uint8"]), ("Bool", DType.Bool, ["bool"]),
        ];
        foreach (var (storage, type, names) in types)
        {
            yield return new(TorchGlobalKind.Storage, $"torch.{storage}Storage", type);
            foreach (var name in names) yield return new(TorchGlobalKind.ElementType, $"torch.{name}", type);
        }
    }
}
