using Earshot.Compute;

namespace Earshot.Tests.Speakers;

/// <summary>
/// The segmentation model in plain loops and double precision: slow, and easy to check against the papers. Channels first.
/// </summary>
internal sealed class PlainSegmentation(ITensorStore tensors)
{
    /// <summary>Log-probabilities (frames, 7).</summary>
    public double[][] Run(float[] samples)
    {
        var x = Normalize([[.. samples.Select(sample => (double)sample)]], "sincnet.wav_norm1d");
        x = Convolve(x, SincFilters(), null, 1, 251, 10);
        x = Leaky(Normalize(Pool([.. x.Select(channel => channel.Select(Math.Abs).ToArray())]), "sincnet.norm1d.0"));
        for (int i = 1; i <= 2; i++)
        {
            x = Convolve(
                x, [.. Read($"sincnet.conv1d.{i}.weight").Select(value => (double)value)], Read($"sincnet.conv1d.{i}.bias"), x.Length, 5,
                1);
            x = Leaky(Normalize(Pool(x), $"sincnet.norm1d.{i}"));
        }
        double[][] frames = [.. Enumerable.Range(0, x[0].Length).Select(t => x.Select(channel => channel[t]).ToArray())];
        for (int layer = 0; layer < 4; layer++)
        {
            var (forward, back) = (Lstm(frames, $"l{layer}"), Lstm([.. frames.Reverse()], $"l{layer}_reverse"));
            frames = [.. forward.Zip(back.Reverse(), (f, b) => f.Concat(b).ToArray())];
        }
        for (int i = 0; i < 2; i++) frames = Leaky(Linear(frames, $"linear.{i}"));
        return [.. Linear(frames, "classifier")
            .Select(row => row.Select(value => value - row.Max() - Math.Log(row.Sum(other => Math.Exp(other - row.Max())))).ToArray())];
    }

    // Hertz and a sinc with its window, from the specification's formulas: band-pass as the difference of two low-passes.
    double[] SincFilters()
    {
        float[] lows = Read("sincnet.conv1d.0.filterbank.low_hz_"), bands = Read("sincnet.conv1d.0.filterbank.band_hz_");
        var filters = new double[80 * 251];
        for (int f = 0; f < 40; f++)
        {
            double low = 50 + Math.Abs((double)lows[f]), high = Math.Clamp(low + 50 + Math.Abs((double)bands[f]), 50, 8000);
            for (int i = 0; i < 251; i++)
            {
                double n = 2 * Math.PI * (i - 125) / 16000, window = 0.54 - 0.46 * Math.Cos(2 * Math.PI * i / 250);
                filters[f * 251 + i] = i == 125 ? 1 : (Math.Sin(high * n) - Math.Sin(low * n)) / (n / 2) * window / (2 * (high - low));
                filters[(40 + f) * 251 + i] =
                    i == 125 ? 0 : (Math.Cos(low * n) - Math.Cos(high * n)) / (n / 2) * window / (2 * (high - low));
            }
        }
        return filters;
    }

    static double[][] Convolve(double[][] x, double[] weight, float[]? bias, int inputs, int kernel, int stride)
    {
        int outputs = weight.Length / inputs / kernel, time = (x[0].Length - kernel) / stride + 1;
        return [.. Enumerable.Range(0, outputs).Select(o => Enumerable.Range(0, time).Select(t =>
        {
            double sum = bias?[o] ?? 0;
            for (int i = 0; i < inputs; i++)
            {
                for (int k = 0; k < kernel; k++) sum += weight[(o * inputs + i) * kernel + k] * x[i][t * stride + k];
            }
            return sum;
        }).ToArray())];
    }

    double[][] Normalize(double[][] x, string name)
    {
        float[] weight = Read($"{name}.weight"), bias = Read($"{name}.bias");
        return [.. x.Select((channel, c) =>
        {
            double mean = channel.Average(), variance = channel.Average(value => (value - mean) * (value - mean));
            return channel.Select(value => (value - mean) / Math.Sqrt(variance + 1e-5) * weight[c] + bias[c]).ToArray();
        })];
    }

    static double[][] Pool(double[][] x) => [.. x.Select(channel => Enumerable.Range(0, channel.Length / 3)
        .Select(t => Math.Max(channel[3 * t], Math.Max(channel[3 * t + 1], channel[3 * t + 2]))).ToArray())];

    static double[][] Leaky(double[][] x) => [.. x.Select(row => row.Select(value => value > 0 ? value : 0.01 * value).ToArray())];

    double[][] Linear(double[][] x, string name)
    {
        float[] weight = Read($"{name}.weight"), bias = Read($"{name}.bias");
        return [.. x.Select(row => bias.Select((b, o) => b + Dot(weight, o, row)).ToArray())];
    }

    double[][] Lstm(double[][] x, string way)
    {
        float[] wi = Read($"lstm.weight_ih_{way}"), wh = Read($"lstm.weight_hh_{way}"), bi = Read($"lstm.bias_ih_{way}"),
            bh = Read($"lstm.bias_hh_{way}");
        var (hidden, cell, result) = (new double[128], new double[128], new double[x.Length][]);
        var gates = new double[512];
        for (int t = 0; t < x.Length; t++)
        {
            for (int g = 0; g < 512; g++) gates[g] = bi[g] + (double)bh[g] + Dot(wi, g, x[t]) + Dot(wh, g, hidden);
            result[t] = hidden = new double[128];
            for (int i = 0; i < 128; i++)
            {
                cell[i] = Sigmoid(gates[128 + i]) * cell[i] + Sigmoid(gates[i]) * Math.Tanh(gates[256 + i]);
                hidden[i] = Sigmoid(gates[384 + i]) * Math.Tanh(cell[i]);
            }
        }
        return result;
    }

    static double Dot(float[] weight, int row, double[] x)
    {
        double sum = 0;
        for (int i = 0; i < x.Length; i++) sum += weight[row * x.Length + i] * x[i];
        return sum;
    }

    static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    float[] Read(string name) => tensors.Find(name)!.ToFloats();
}
