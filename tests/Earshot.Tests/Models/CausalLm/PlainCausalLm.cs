using Earshot.Compute;
using Earshot.Models;

namespace Earshot.Tests.Models.CausalLm;

/// <summary>
/// Qwen2's forward pass as its description says it, in float64 and plain loops: what the library's kernels, caches and adapters are held
/// against where there are no other reference outputs.
/// </summary>
internal sealed class PlainCausalLm
{
    readonly CausalLmConfig _config;
    readonly Dictionary<string, double[]> _weights;

    public PlainCausalLm(CausalLmConfig config, ITensorStore weights)
    {
        _config = config;
        _weights = weights.Names.ToDictionary(
            name => name, name => Array.ConvertAll(weights.Find(name)!.ToFloats(), value => (double)value));
    }

    /// <summary>A weight, to be changed.</summary>
    public double[] this[string name]
    {
        get => _weights[name];
        set => _weights[name] = value;
    }

    /// <summary>The logits after each of some tokens.</summary>
    public float[][] Logits(ReadOnlySpan<int> tokens)
    {
        int size = _config.HiddenSize;
        var x = new double[tokens.Length][];
        for (int t = 0; t < x.Length; t++) x[t] = _weights["model.embed_tokens.weight"][(tokens[t] * size)..((tokens[t] + 1) * size)];
        for (int layer = 0; layer < _config.NumHiddenLayers; layer++) Layer(x, layer);
        return [.. x.Select(row => Linear(Norm(row, "model.norm"), "lm_head").Select(value => (float)value).ToArray())];
    }

    void Layer(double[][] x, int layer)
    {
        var w = $"model.layers.{layer}";
        var h = x.Select(row => Norm(row, $"{w}.input_layernorm")).ToArray();
        var q = Turn(h, $"{w}.self_attn.q_proj", _config.NumAttentionHeads);
        var k = Turn(h, $"{w}.self_attn.k_proj", _config.NumKeyValueHeads);
        var v = h.Select(row => Linear(row, $"{w}.self_attn.v_proj")).ToArray();
        for (int t = 0; t < x.Length; t++) Add(x[t], Linear(Attend(q[t], k, v, (t, layer)), $"{w}.self_attn.o_proj"));
        for (int t = 0; t < x.Length; t++)
        {
            var row = Norm(x[t], $"{w}.post_attention_layernorm");
            double[] gate = Linear(row, $"{w}.mlp.gate_proj"), up = Linear(row, $"{w}.mlp.up_proj");
            for (int i = 0; i < gate.Length; i++) gate[i] *= up[i] / (1 + Math.Exp(-gate[i]));
            Add(x[t], Linear(gate, $"{w}.mlp.down_proj"));
        }
    }

    double[] Attend(double[] query, double[][] keys, double[][] values, (int Position, int Layer) at)
    {
        int size = _config.HeadDim, group = _config.NumAttentionHeads / _config.NumKeyValueHeads;
        int window = _config.Windows.Count == 0 ? 0 : _config.Windows[at.Layer];
        int first = window == 0 ? 0 : Math.Max(0, at.Position - window + 1);
        var result = new double[query.Length];
        for (int head = 0; head < _config.NumAttentionHeads; head++)
        {
            int own = head * size, key = head / group * size;
            var scores = new double[at.Position - first + 1];
            for (int t = 0; t < scores.Length; t++)
            {
                for (int i = 0; i < size; i++) scores[t] += query[own + i] * keys[first + t][key + i];
                scores[t] /= Math.Sqrt(size);
            }
            double most = scores.Max(), sum = scores.Sum(score => Math.Exp(score - most));
            for (int t = 0; t < scores.Length; t++)
            {
                double weight = Math.Exp(scores[t] - most) / sum;
                for (int i = 0; i < size; i++) result[own + i] += weight * values[first + t][key + i];
            }
        }
        return result;
    }

    // Rotary positions in halves.
    double[][] Turn(double[][] rows, string name, int heads)
    {
        var turned = rows.Select(row => Linear(row, name)).ToArray();
        int half = _config.HeadDim / 2;
        for (int t = 0; t < turned.Length; t++)
        {
            for (int i = 0; i < heads * half; i++)
            {
                int at = i / half * 2 * half + i % half;
                double angle = t * Math.Pow(10_000, -2.0 * (i % half) / (2 * half)), a = turned[t][at], b = turned[t][at + half];
                turned[t][at] = a * Math.Cos(angle) - b * Math.Sin(angle);
                turned[t][at + half] = b * Math.Cos(angle) + a * Math.Sin(angle);
            }
        }
        return turned;
    }

    double[] Norm(double[] row, string name)
    {
        double scale = 1 / Math.Sqrt(row.Sum(value => value * value) / row.Length + 1e-6);
        return [.. row.Zip(_weights[$"{name}.weight"], (value, factor) => value * scale * factor)];
    }

    double[] Linear(double[] row, string name)
    {
        double[] weight = _weights[$"{name}.weight"], result = new double[weight.Length / row.Length];
        var bias = _weights.GetValueOrDefault($"{name}.bias");
        for (int o = 0; o < result.Length; o++)
        {
            double sum = bias?[o] ?? 0;
            for (int i = 0; i < row.Length; i++) sum += weight[o * row.Length + i] * row[i];
            result[o] = sum;
        }
        return result;
    }

    static void Add(double[] row, double[] added)
    {
        for (int i = 0; i < row.Length; i++) row[i] += added[i];
    }
}
