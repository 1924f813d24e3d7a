using Earshot.Compute;

namespace Earshot.Models;

/// <summary>
/// Silero's voice activity detector for 16 kHz (version 5 and 6): a short-time Fourier transform as a convolution, four
/// convolutions, and an LSTM that carries what was heard before.
/// </summary>
public static class SileroVadModel
{
    /// <summary>New samples a window: 32 ms.</summary>
    public const int WindowSize = 512;

    /// <summary>Samples of the window before that each window begins with.</summary>
    public const int ContextSize = 64;

    /// <summary>Values of the recurrent state.</summary>
    public const int HiddenSize = 128;

    const int Bins = 129;

    /// <summary>Windows with their context, (batch, 576, 1) → (batch, 128): what each window sounds like, without memory.</summary>
    public static Tensor Encode(Tensor samples, Scope w)
    {
        var x = samples.Convolve(
            w / "stft_conv", 2 * Bins, kernel: 256, new Convolution(Stride: 128, PadRight: 64, Reflect: true)); // (batch, 4, 258)
        x = x.Magnitude(); // (batch, 4, 129)
        x = x.Convolve(w / "conv1", 128, kernel: 3, Halving(1)); // (batch, 4, 128)
        x = x.Convolve(w / "conv2", 64, kernel: 3, Halving(2)); // (batch, 2, 64)
        x = x.Convolve(w / "conv3", 64, kernel: 3, Halving(2)); // (batch, 1, 64)
        return x.Convolve(w / "conv4", HiddenSize, kernel: 3, Halving(1)); // (batch, 1, 128)
    }

    /// <summary>One window's sound, (1, 128), and what came before → the probability of speech, (1, 1, 1).</summary>
    public static Tensor Decide(Tensor sound, RecurrentState state, Scope w)
    {
        var h = sound.LstmStep(w / "lstm_cell", HiddenSize, state).Activate(Activation.Relu); // (1, 128)
        return h.Backend.Reshape(h, new Shape(1, 1, HiddenSize))
            .Convolve(w / "final_conv", 1, kernel: 1, new Convolution(Activation: Activation.Sigmoid));
    }

    static Convolution Halving(int stride) => new(stride, PadLeft: 1, PadRight: 1, Activation: Activation.Relu);
}
