namespace Earshot.Onnx.Graph;

/// <summary>Rules of operators that move, cut, join or make dimensions; those that handle shapes also follow the numbers.</summary>
static class ShapeRules
{
    public static void Reduce(InferenceContext context) =>
        Reduce(context, context.Type(0), context.Axes(1), keepDimensions: context.Node.Int("keepdims", 1) != 0);

    public static void ArgMax(InferenceContext context) =>
        Reduce(context, OnnxElementType.Int64, [context.Node.Int("axis", 0)], keepDimensions: context.Node.Int("keepdims", 1) != 0);

    public static void Reshape(InferenceContext context)
    {
        OnnxDimension[]? shape = null;
        if (context.Numbers(1) is { } numbers) shape = Reshape(context, numbers);
        else if (context.Contents(1) is { } contents)
            shape = [.. contents.Select((dimension, i) => dimension.Size == 0 && context.Node.Int("allowzero", 0) == 0
                ? context.Shape(0)?.ElementAtOrDefault(i) ?? default
                : dimension)];
        else if (context.Shape(1) is [{ Size: <= 32 and { } rank }]) shape = new OnnxDimension[rank];
        context.Set(0, context.Type(0), shape);
        context.Inference.SetContents(context.Node.Output, shape is { Length: <= 1 } ? context.Contents(0) : null);
    }

    public static void Flatten(InferenceContext context)
    {
        if (context.Shape(0) is not { } shape) return;
        long axis = context.Node.Int("axis", 1);
        int split = (int)(axis < 0 ? axis + shape.Count : axis);
        if (split < 0 || split > shape.Count) throw context.Bad($"flattens {shape.Count} dimensions at {axis}");
        context.Set(0, context.Type(0), [Product(shape.Take(split)), Product(shape.Skip(split))]);
    }

    public static void Transpose(InferenceContext context)
    {
        if (context.Shape(0) is not { } shape)
        {
            context.Set(0, context.Type(0), null);
            return;
        }
        var order = context.Node.Ints("perm")?.ToArray() ?? [.. Enumerable.Range(0, shape.Count).Reverse().Select(i => (long)i)];
        if (order.Length != shape.Count || order.Distinct().Count() != order.Length)
            throw context.Bad($"transposes {shape.Count} dimensions by [{string.Join(", ", order)}]");
        context.Set(0, context.Type(0), Array.ConvertAll(order, i => shape[context.Axis(i, shape.Count)]));
    }

    public static void Concat(InferenceContext context)
    {
        var shapes = context.Node.Inputs.Select(input => input?.Shape).ToArray();
        var first = Array.Find(shapes, shape => shape is not null);
        if (first is null)
        {
            context.Set(0, context.AnyType, null);
            return;
        }
        int axis = context.Axis(context.Node.Int("axis", 0), first.Count);
        var result = first.ToArray();
        result[axis] = 0;
        foreach (var shape in shapes)
        {
            if (shape is not null && shape.Count != first.Count) throw context.Bad("joins tensors of different numbers of dimensions");
            result[axis] = result[axis].Size is { } sum && shape?[axis].Size is { } size ? checked(sum + size) : OnnxDimension.Unknown;
            for (int i = 0; i < result.Length; i++)
                if (i != axis && result[i].Size is null && shape?[i].Size is { } known) result[i] = known;
        }
        context.Set(0, context.AnyType, result);
        var contents = Enumerable.Range(0, shapes.Length).Select(context.Contents).ToArray();
        context.Inference.SetContents(
            context.Node.Output,
            first.Count == 1 && Array.TrueForAll(contents, list => list is not null) ? [.. contents.SelectMany(list => list!)] : null);
    }

    public static void Split(InferenceContext context)
    {
        int count = context.Node.Outputs.Count;
        if (context.Shape(0) is not { } shape)
        {
            for (int i = 0; i < count; i++) context.Set(i, context.Type(0), null);
            return;
        }
        int axis = context.Axis(context.Node.Int("axis", 0), shape.Count);
        var sizes = context.Axes(1, "split");
        for (int i = 0; i < count; i++)
        {
            var part = shape.ToArray();
            // Equal parts, the last one smaller where they do not come out even.
            part[axis] = sizes is not null ? sizes[i]
                : shape[axis].Size is { } size ? Math.Max(0, Math.Min((size + count - 1) / count, size - i * ((size + count - 1) / count)))
                : OnnxDimension.Unknown;
            context.Set(i, context.Type(0), part);
        }
    }

    public static void Slice(InferenceContext context)
    {
        if (context.Shape(0) is not { } shape)
        {
            context.Set(0, context.Type(0), null);
            return;
        }
        long[]? starts = context.Axes(1, "starts"), ends = context.Axes(2, "ends");
        var axes = context.Axes(3)
            ?? (starts is null || context.Node.Input(3) is not null ? null : [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)]);
        var steps = context.Node.Input(4) is null ? null : context.Numbers(4);
        var result = shape.ToArray();
        if (axes is null) Array.Clear(result);
        else
        {
            for (int i = 0; i < axes.Length; i++)
            {
                int axis = context.Axis(axes[i], result.Length);
                bool known = starts is not null && ends is not null && (steps is not null || context.Node.Input(4) is null);
                result[axis] = known && result[axis].Size is { } size
                    ? SliceLength(context, size, starts![i], ends![i], steps?[i] ?? 1)
                    : OnnxDimension.Unknown;
            }
        }
        context.Set(0, context.Type(0), result);
        if (context.Contents(0) is not { } contents || starts is not [var start] || ends is not [var end] || steps is not (null or [1]))
            return;
        int from = (int)Math.Clamp(start < 0 ? start + contents.Length : start, 0, contents.Length),
            to = (int)Math.Clamp(end < 0 ? end + contents.Length : end, from, contents.Length);
        context.Inference.SetContents(context.Node.Output, contents[from..to]);
    }

    public static void Gather(InferenceContext context)
    {
        if (context.Shape(0) is { } shape && context.Shape(1) is { } indices)
        {
            int axis = context.Axis(context.Node.Int("axis", 0), shape.Count);
            context.Set(0, context.Type(0), [.. shape.Take(axis), .. indices, .. shape.Skip(axis + 1)]);
        }
        else context.Set(0, context.Type(0), null);
        if (context.Contents(0) is not { } contents || context.Numbers(1) is not { } chosen) return;
        if (Array.TrueForAll(chosen, i => i >= -contents.Length && i < contents.Length))
            context.Inference.SetContents(context.Node.Output, Array.ConvertAll(chosen, i => contents[i < 0 ? i + contents.Length : i]));
    }

    public static void Unsqueeze(InferenceContext context)
    {
        if (context.Shape(0) is { } shape && context.Axes(1) is { } axes)
        {
            int rank = shape.Count + axes.Length;
            var added = axes.Select(axis => context.Axis(axis, rank)).ToHashSet();
            var rest = new Queue<OnnxDimension>(shape);
            if (added.Count == axes.Length)
                context.Set(0, context.Type(0), [.. Enumerable.Range(0, rank).Select(i => added.Contains(i) ? 1 : rest.Dequeue())]);
        }
        else context.Set(0, context.Type(0), null);
        context.Inference.SetContents(context.Node.Output, context.Contents(0));
    }

    public static void Squeeze(InferenceContext context)
    {
        if (context.Shape(0) is { } shape
            && (context.Node.Inputs.Count > 1 || context.Node.Ints("axes") is not null ? context.Axes(1) : AllOnes(shape)) is { } axes)
        {
            var removed = axes.Select(axis => context.Axis(axis, shape.Count)).ToHashSet();
            context.Set(0, context.Type(0), [.. shape.Where((_, i) => !removed.Contains(i))]);
        }
        else context.Set(0, context.Type(0), null);
        context.Inference.SetContents(context.Node.Output, context.Contents(0));
    }

    public static void Expand(InferenceContext context) =>
        context.Set(0, context.Type(0), context.Contents(1) is { } shape ? context.Broadcast(context.Shape(0), shape) : null);

    public static void Tile(InferenceContext context)
    {
        if (context.Shape(0) is not { } shape) return;
        var repeats = context.Numbers(1);
        context.Set(0, context.Type(0), [
            .. shape.Select((dimension, i) => dimension.Size is { } size && repeats is not null ? size * repeats[i] : OnnxDimension.Unknown)
        ]);
    }

    public static void Pad(InferenceContext context)
    {
        if (context.Shape(0) is not { } shape)
        {
            context.Set(0, context.Type(0), null);
            return;
        }
        var pads = context.Axes(1, "pads");
        var axes = context.Node.Input(3) is null ? [.. Enumerable.Range(0, shape.Count).Select(i => (long)i)] : context.Numbers(3);
        var result = pads is null || axes is null ? new OnnxDimension[shape.Count] : shape.ToArray();
        for (int i = 0; i < axes?.Length && pads is not null; i++)
        {
            if (pads.Length != 2 * axes.Length) throw context.Bad($"pads {axes.Length} dimensions with {pads.Length} numbers");
            int axis = context.Axis(axes[i], shape.Count);
            long added = pads[i] + pads[i + axes.Length];
            if (added != 0) result[axis] = result[axis].Size is { } size ? size + added : OnnxDimension.Unknown;
        }
        context.Set(0, context.Type(0), result);
    }

    public static void ShapeOf(InferenceContext context)
    {
        if (context.Shape(0) is not { } shape)
        {
            context.Set(0, OnnxElementType.Int64, [OnnxDimension.Unknown]);
            return;
        }
        long start = context.Node.Int("start", 0), end = context.Node.Int("end", shape.Count);
        int from = (int)Math.Clamp(start < 0 ? start + shape.Count : start, 0, shape.Count),
            to = (int)Math.Clamp(end < 0 ? end + shape.Count : end, from, shape.Count);
        context.Set(0, OnnxElementType.Int64, [to - from]);
        context.Inference.SetContents(context.Node.Output, [.. shape.Skip(from).Take(to - from)]);
    }

    public static void Constant(InferenceContext context)
    {
        if (context.Node.ConstantTensor() is { } tensor) context.Set(0, tensor.Type, OnnxGraph.Dimensions(tensor));
    }

    public static void ConstantOfShape(InferenceContext context)
    {
        var type = context.Node.Attributes.TryGetValue("value", out var value) && value.Value is TensorData tensor
            ? tensor.Type
            : OnnxElementType.Float32;
        context.Set(0, type, context.Contents(0) ?? (context.Shape(0) is [{ Size: <= 32 and { } rank }] ? new OnnxDimension[rank] : null));
    }

    public static void Range(InferenceContext context)
    {
        long? count = context.Numbers(0) is [var start] && context.Numbers(1) is [var limit] && context.Numbers(2) is [var delta and not 0]
            ? Math.Max(0, (limit - start + delta - Math.Sign(delta)) / delta)
            : null;
        context.Set(0, context.Type(0), [count is { } known ? known : OnnxDimension.Unknown]);
    }

    /// <summary>What both branches agree on.</summary>
    public static void If(InferenceContext context)
    {
        if (context.Node.Subgraphs.ToArray() is not [var one, var other]) return;
        for (int i = 0; i < Math.Min(one.Outputs.Count, other.Outputs.Count); i++)
        {
            GraphValue a = one.Outputs[i], b = other.Outputs[i];
            if (a.Type != b.Type) continue;
            var shape = a.Shape is { } left && b.Shape is { } right && left.Count == right.Count
                ? left.Select((dimension, j) => dimension.Matches(right[j]) ? dimension : OnnxDimension.Unknown).ToArray()
                : null;
            context.Set(i, a.Type, shape);
        }
    }

    static void Reduce(InferenceContext context, OnnxElementType type, long[]? axes, bool keepDimensions)
    {
        if (context.Shape(0) is not { } shape)
        {
            context.Set(0, type, null);
            return;
        }
        bool all = axes is null or [] && context.Node.Input(1) is null or { Constant: not null };
        if (!all && axes is null) return;
        var reduced = all
            ? (context.Node.Int("noop_with_empty_axes", 0) != 0 ? [] : Enumerable.Range(0, shape.Count).ToHashSet())
            : axes!.Select(axis => context.Axis(axis, shape.Count)).ToHashSet();
        var kept = shape.Select((dimension, i) => reduced.Contains(i) ? 1 : dimension);
        context.Set(0, type, keepDimensions ? [.. kept] : [.. shape.Where((_, i) => !reduced.Contains(i))]);
    }

    static OnnxDimension[]? Reshape(InferenceContext context, long[] numbers)
    {
        var input = context.Shape(0);
        var result = new OnnxDimension[numbers.Length];
        int open = -1;
        for (int i = 0; i < numbers.Length; i++)
        {
            if (numbers[i] == -1) open = open < 0 ? i : throw context.Bad("reshapes with two dimensions of -1");
            else if (numbers[i] == 0 && context.Node.Int("allowzero", 0) == 0)
                result[i] = input is null || i >= input.Count ? OnnxDimension.Unknown : input[i];
            else if (numbers[i] < 0) throw context.Bad($"reshapes with the dimension {numbers[i]}");
            else result[i] = numbers[i];
        }
        if (open < 0 || input is null) return result;
        // Symbols on both sides cancel out; what is left decides the open dimension.
        var before = input.ToList();
        long known = 1;
        foreach (var dimension in result.Where((_, i) => i != open))
        {
            if (dimension.IsUnknown) return result;
            if (!before.Remove(dimension) && dimension.Size is not null) known = checked(known * dimension.Size.Value);
            else if (dimension.Size is null && !input.Contains(dimension)) return result;
        }
        if (before is [{ Size: null } only] && known == 1) result[open] = only;
        else if (Product(before).Size is { } total && known > 0)
            result[open] = total % known == 0
                ? total / known
                : throw context.Bad($"reshapes ({string.Join(", ", input)}) to [{string.Join(", ", numbers)}]");
        return result;
    }

    static long SliceLength(InferenceContext context, long size, long start, long end, long step)
    {
        if (step == 0) throw context.Bad("slices with a step of 0");
        long from = start < 0 ? start + size : start, to = end < 0 ? (end < -size ? -1 : end + size) : end;
        return step > 0
            ? Math.Max(0, (Math.Clamp(to, 0, size) - Math.Clamp(from, 0, size) + step - 1) / step)
            : Math.Max(0, (Math.Clamp(from, -1, size - 1) - Math.Clamp(to, -1, size - 1) - step - 1) / -step);
    }

    static OnnxDimension Product(IEnumerable<OnnxDimension> dimensions)
    {
        long product = 1;
        OnnxDimension? symbol = null;
        foreach (var dimension in dimensions)
        {
            if (dimension.Size is { } size) product = checked(product * size);
            else if (symbol is null) symbol = dimension;
            else return OnnxDimension.Unknown;
        }
        return symbol is null ? product : product == 1 ? symbol.Value : OnnxDimension.Unknown;
    }

    static long[]? AllOnes(IReadOnlyList<OnnxDimension> shape) =>
        shape.All(dimension => dimension.Size is not null)
            ? [.. Enumerable.Range(0, shape.Count).Where(i => shape[i].Size == 1).Select(i => (long)i)]
            : null;
}
