namespace Earshot.Onnx.Graph;

/// <summary>Sorts a graph's nodes so that each comes after those it reads from.</summary>
static class TopologicalOrder
{
    /// <summary>Kahn's method with a queue ordered by present position: a sorted list stays as it is.</summary>
    /// <exception cref="OnnxModelException">The nodes read from each other in a circle.</exception>
    public static void Sort(List<OnnxNode> nodes)
    {
        var index = new Dictionary<OnnxNode, int>(nodes.Count);
        for (int i = 0; i < nodes.Count; i++) index[nodes[i]] = i;
        var waiting = new int[nodes.Count];
        var readers = new List<int>[nodes.Count];
        for (int i = 0; i < nodes.Count; i++)
        {
            readers[i] ??= [];
            var sources = new HashSet<int>();
            CollectSources(nodes[i], index, sources);
            waiting[i] = sources.Count;
            foreach (int source in sources) (readers[source] ??= []).Add(i);
        }
        var ready = new PriorityQueue<int, int>();
        for (int i = 0; i < nodes.Count; i++)
        {
            if (waiting[i] == 0) ready.Enqueue(i, i);
        }
        var sorted = new List<OnnxNode>(nodes.Count);
        while (ready.TryDequeue(out int next, out _))
        {
            sorted.Add(nodes[next]);
            foreach (int reader in readers[next])
            {
                if (--waiting[reader] == 0) ready.Enqueue(reader, reader);
            }
        }
        if (sorted.Count < nodes.Count)
        {
            throw new OnnxModelException(
                "The graph's nodes read from each other in a circle, through the node " +
                $"{nodes[Array.FindIndex(waiting, count => count > 0)]}.");
        }
        nodes.Clear();
        nodes.AddRange(sorted);
    }

    /// <summary>
    /// The nodes of the list that a node, or a node inside it, reads from; a node inside that reads its own container's output is a circle.
    /// </summary>
    static void CollectSources(OnnxNode node, Dictionary<OnnxNode, int> index, HashSet<int> sources)
    {
        foreach (var input in node.Inputs)
        {
            if (input?.Producer is { } producer && index.TryGetValue(producer, out int source)) sources.Add(source);
        }
        foreach (var graph in node.Subgraphs)
        {
            foreach (var inner in graph.Nodes) CollectSources(inner, index, sources);
        }
    }
}
