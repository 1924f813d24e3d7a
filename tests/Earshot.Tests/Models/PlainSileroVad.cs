using Earshot.Compute;

namespace Earshot.Tests.Models;

/// <summary>The detector in plain loops and double precision: slow, and easy to check against the paper.</summary>
internal sealed class PlainSileroVad(ITensorStore tensors)
{
    readonly double[] _hidden = new double[128];
    readonly double[] _cell = new double[128];

    public List<double> Run(float[] samples)
    {
        var result = new List<double>();
        for (int start = 0; start + 512 <= samples.Length; start += 512)
        {
            var window = new double[640];
            for (int i = 0; i < 576; i++) window[i] = start + i - 64 >= 0 ? samples[start + i - 64] : 0;
            for (int i = 0; i < 64; i++) window[576 + i] = window[574 - i];
            result.Add(Window(window));
        }
        return result;
    }

    double Window(double[] window)
    {
        var spectrum = Convolve([window], "stft_conv", 128, 0, relu: false);
        var x = new double[129][];
        for (int bin = 0; bin < 129; bin++) x[bin] = [.. spectrum[bin].Zip(spectrum[bin + 129], (re, im) => Math.Sqrt(re * re + im * im))];
        x = Convolve(x, "conv1", 1, 1, relu: true);
        x = Convolve(x, "conv2", 2, 1, relu: true);
        x = Convolve(x, "conv3", 2, 1, relu: true);
        x = Convolve(x, "conv4", 1, 1, relu: true);
        Step([.. x.Select(channel => channel[0])]);
        var last = Convolve([.. _hidden.Select(value => new[] { Math.Max(value, 0) })], "final_conv", 1, 0, relu: false);
        return Sigmoid(last[0][0]);
    }

    // Channels first: x[channel][time].
    double[][] Convolve(double[][] x, string name, int stride, int pad, bool relu)
    {
        var weight = tensors.Find(name + ".weight")!;
        var w = weight.ToFloats();
        var bias = tensors.Find(name + ".bias")?.ToFloats();
        int outputs = weight.Shape[0], inputs = weight.Shape[1], kernel = weight.Shape[2];
        int time = (x[0].Length + 2 * pad - kernel) / stride + 1;
        var y = new double[outputs][];
        for (int o = 0; o < outputs; o++)
        {
            y[o] = new double[time];
            for (int t = 0; t < time; t++)
            {
                double sum = bias?[o] ?? 0;
                for (int i = 0; i < inputs; i++)
                {
                    for (int k = 0; k < kernel; k++)
                    {
                        int at = t * stride + k - pad;
                        if (at >= 0 && at < x[i].Length) sum += w[(o * inputs + i) * kernel + k] * x[i][at];
                    }
                }
                y[o][t] = relu ? Math.Max(sum, 0) : sum;
            }
        }
        return y;
    }

    void Step(double[] x)
    {
        float[] wi = tensors.Find("lstm_cell.weight_ih")!.ToFloats(), wh = tensors.Find("lstm_cell.weight_hh")!.ToFloats();
        float[] bi = tensors.Find("lstm_cell.bias_ih")!.ToFloats(), bh = tensors.Find("lstm_cell.bias_hh")!.ToFloats();
        var gates = new double[512];
        for (int g = 0; g < 512; g++)
        {
            gates[g] = bi[g] + (double)bh[g];
            for (int i = 0; i < 128; i++) gates[g] += wi[g * 128 + i] * x[i] + wh[g * 128 + i] * _hidden[i];
        }
        for (int i = 0; i < 128; i++)
        {
            _cell[i] = Sigmoid(gates[128 + i]) * _cell[i] + Sigmoid(gates[i]) * Math.Tanh(gates[256 + i]);
            _hidden[i] = Sigmoid(gates[384 + i]) * Math.Tanh(_cell[i]);
        }
    }

    static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
