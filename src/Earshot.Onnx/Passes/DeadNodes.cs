namespace Earshot.Onnx.Passes;

/// <summary>
/// A node or initializer that nothing reads => nothing. Keeps the model's inputs, also unread ones: they are its interface.
/// </summary>
public sealed class DeadNodes : GraphPass
{
    public override string Name => "dead nodes";

    internal override void Run(PassContext context)
    {
        // Inner graphs last in the list let go of outer values, so the outer graphs are cleaned after them.
        foreach (var graph in context.Model.Graph.SelfAndSubgraphs().Reverse().ToArray())
        {
            foreach (var node in graph.Nodes.Reverse().ToArray())
            {
                if (node.Outputs.Any(output => output is not null && (output.Uses.Count > 0 || output.IsGraphOutput))) continue;
                graph.Remove(node);
                context.Count("nodes");
            }
            foreach (var value in graph.Initializers.ToArray())
            {
                if (!value.IsGraphInput && graph.RemoveInitializer(value)) context.Count("initializers");
            }
        }
    }
}
