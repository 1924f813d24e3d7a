using Earshot.Compute;
using Earshot.Onnx.Graph;

namespace Earshot.Onnx.Recording;

// Shapes that follow from the sizes at run time.
public sealed partial class OnnxBackend
{
    /// <summary>
    /// Neighbouring dimensions whose elements are as many before and after belong together. What is open before leaves one dimension of
    /// its group open after; of several that could be meant, that of the same example size, else one that it divides, else the first.
    /// </summary>
    public override Tensor Reshape(Tensor x, Shape shape)
    {
        if (x.Shape.Count != shape.Count) throw new ModelException($"Shape {x.Shape} cannot become {shape}: they hold different counts.");
        var input = Unwrap(x);
        var dimensions = OnnxWeights.Dimensions(shape);
        var carriers = new List<(int Dimension, DimensionGroup Group)>();
        foreach (var group in Groups(x.Shape, shape))
        {
            int open = Array.FindIndex(group.Before, i => IsOpen(input.Value, i));
            if (open < 0) continue;
            if (group is { Before: [var before], After: [var after] } && before == after) dimensions[after] = 0;
            else carriers.Add((Carrier(group, shape, x.Shape[group.Before[open]]), group));
        }
        if (carriers.Count > 0) dimensions[carriers[^1].Dimension] = -1;
        var target = Ints(dimensions);
        if (carriers.Count > 1)
        {
            var parts = Array.ConvertAll(dimensions, size => Ints(size));
            foreach (var (dimension, group) in carriers[..^1]) parts[dimension] = SizeAfter(input, group, dimension, shape);
            target = Node(input.Path, "Concat", parts, ("axis", 0L));
        }
        return Like(input, shape, Node(input.Path, "Reshape", [input.Value, target]));
    }

    static bool IsOpen(GraphValue value, int dimension) =>
        value.Shape is not { } shape || dimension >= shape.Count || shape[dimension].Size is null;

    static int Carrier(DimensionGroup group, Shape shape, int example)
    {
        int same = Array.FindIndex(group.After, i => shape[i] == example);
        if (same < 0) same = Array.FindLastIndex(group.After, i => example > 0 && shape[i] % example == 0);
        return group.After[Math.Max(0, same)];
    }

    // Elements of the group, over those of its other dimensions.
    GraphValue SizeAfter(OnnxTensor x, DimensionGroup group, int dimension, Shape shape)
    {
        var product = SizeOf(x.Path, x.Value, group.Before[0]);
        foreach (int i in group.Before[1..]) product = Node(x.Path, "Mul", [product, SizeOf(x.Path, x.Value, i)]);
        long others = 1;
        foreach (int i in group.After) others *= i == dimension ? 1 : shape[i];
        return others == 1 ? product : Node(x.Path, "Div", [product, Ints(others)]);
    }

    static List<DimensionGroup> Groups(Shape before, Shape after)
    {
        var groups = new List<DimensionGroup>();
        int i = 0, k = 0;
        while (i < before.Rank && k < after.Rank)
        {
            int firstBefore = i, firstAfter = k;
            long left = before[i++], right = after[k++];
            while (left != right)
            {
                if (left < right) left *= before[i++];
                else right *= after[k++];
            }
            groups.Add(new([.. Enumerable.Range(firstBefore, i - firstBefore)], [.. Enumerable.Range(firstAfter, k - firstAfter)]));
        }
        // Ones at the end belong to the last.
        if (groups.Count > 0)
        {
            groups[^1] = new(
                [.. groups[^1].Before, .. Enumerable.Range(i, before.Rank - i)],
                [.. groups[^1].After, .. Enumerable.Range(k, after.Rank - k)]);
        }
        return groups;
    }

    /// <summary>Dimensions that become others together.</summary>
    sealed record DimensionGroup(int[] Before, int[] After);
}
