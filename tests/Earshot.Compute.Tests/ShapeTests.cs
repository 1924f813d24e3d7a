namespace Earshot.Compute.Tests;

public class ShapeTests
{
    [Fact]
    public void A_shape_counts_and_indexes()
    {
        var shape = new Shape(2, 3, 5);
        Assert.Equal(30, shape.Count);
        Assert.Equal(6, shape.Rows);
        Assert.Equal(5, shape[^1]);
        Assert.Equal(3, shape[1]);
        Assert.Equal("(2, 3, 5)", shape.ToString());
        Assert.Equal(new Shape(2, 3, 7), shape.WithLast(7));
    }

    [Fact]
    public void Scalars_and_empty_shapes_have_a_count()
    {
        Assert.Equal(1, new Shape().Count);
        Assert.Equal(0, new Shape(3, 0).Count);
        Assert.NotEqual(new Shape(2, 3), new Shape(2, 3, 1));
    }

    [Fact]
    public void Impossible_shapes_are_refused()
    {
        Assert.Throws<ModelException>(() => new Shape(1, -1));
        Assert.Throws<ModelException>(() => new Shape(1, 1, 1, 1, 1, 1, 1));
        Assert.Throws<OverflowException>(() => new Shape(int.MaxValue, int.MaxValue, int.MaxValue).Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Shape(1, 2)[2]);
    }
}
