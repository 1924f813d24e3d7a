namespace Earshot.Compute.Tests;

public class ScopeTests
{
    static readonly MemoryStore s_store = new MemoryStore()
        .Add("model.layers.0.fc1.weight", new float[6], 2, 3)
        .Add("model.layers.0.fc1.bias", new float[2], 2);

    [Fact]
    public void A_path_leads_to_a_parameter()
    {
        var scope = new Scope(s_store) / "model" / "layers" / 0 / "fc1";
        Assert.Equal("model.layers.0.fc1", scope.Path);
        Assert.Equal("model.layers.0.fc1.weight", scope.Parameter("weight", new Shape(2, 3)).Name);
    }

    [Fact]
    public void The_same_path_gives_the_same_parameter()
    {
        var root = new Scope(s_store);
        var first = (root / "model" / "layers" / 0 / "fc1").Parameter("weight", new Shape(2, 3));
        var second = (root / "model" / "layers" / 0 / "fc1").Parameter("weight", new Shape(2, 3));
        Assert.Same(first, second);
        Assert.Single(root.Parameters);
    }

    [Fact]
    public void Another_shape_is_refused_with_both()
    {
        var scope = new Scope(s_store) / "model" / "layers" / 0 / "fc1";
        var exception = Assert.Throws<CheckpointException>(() => scope.Parameter("weight", new Shape(3, 2)));
        Assert.Equal(
            "memory: tensor 'model.layers.0.fc1.weight' has shape (2, 3), expected (3, 2). The checkpoint does not fit its config.json.",
            exception.Message);
    }

    [Fact]
    public void A_missing_parameter_is_named()
    {
        var scope = new Scope(s_store) / "model";
        var exception = Assert.Throws<CheckpointException>(() => scope.Parameter("weight", new Shape(1)));
        Assert.Contains("'model.weight' is missing; expected it with shape (1)", exception.Message, StringComparison.Ordinal);
        Assert.Null(scope.Optional("bias", new Shape(1)));
    }

    [Fact]
    public void Walking_a_known_path_allocates_nothing()
    {
        var root = new Scope(s_store);
        Walk();
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (int i = 0; i < 100; i++) Walk();
        }));

        void Walk() => (root / "model" / "layers" / 0 / "fc1").Parameter("weight", new Shape(2, 3));
    }

    [Fact]
    public void Half_precision_is_read_as_float()
    {
        var halves = new[] { (Half)1.5f, (Half)(-2), (Half)65504f };
        var store = new MemoryStore().Add("h", DType.F16, System.Runtime.InteropServices.MemoryMarshal.AsBytes<Half>(halves).ToArray(), 3)
            .Add("b", DType.BF16, [0xC0, 0x3F, 0x00, 0xC0], 2)
            .Add("d", DType.F64, BitConverter.GetBytes(0.25), 1)
            .Add("i", DType.I32, new byte[4], 1);
        Assert.Equal([1.5f, -2, 65504], store.Find("h")!.ToFloats());
        Assert.Equal([1.5f, -2], store.Find("b")!.ToFloats());
        Assert.Equal([0.25f], store.Find("d")!.ToFloats());
        Assert.Throws<CheckpointException>(() => store.Find("i")!.ToFloats());
    }
}
