using Earshot.Compute;

namespace Earshot.Checkpoints;

/// <summary>
/// A Whisper for CTranslate2 (faster-whisper): the variables of <c>model.bin</c> under Hugging Face's names, matrices that are joined there
/// taken apart.
/// </summary>
sealed class CTranslate2Whisper : WhisperContainer
{
    const string Spec = "WhisperSpec";
    const string Root = "model.";

    readonly CTranslate2File _file;

    CTranslate2Whisper(CTranslate2File file)
    {
        _file = file;
        int encoderLayers = Layers("encoder"), decoderLayers = Layers("decoder");
        Sizes = ReadSizes(encoderLayers, decoderLayers);
        foreach (var (name, hf) in (ReadOnlySpan<(string, string)>)[
            ("encoder/conv1/weight", "encoder.conv1.weight"), ("encoder/conv1/bias", "encoder.conv1.bias"),
            ("encoder/conv2/weight", "encoder.conv2.weight"), ("encoder/conv2/bias", "encoder.conv2.bias"),
            ("encoder/position_encodings/encodings", "encoder.embed_positions.weight"),
            ("decoder/position_encodings/encodings", "decoder.embed_positions.weight"),
            ("decoder/embeddings/weight", "decoder.embed_tokens.weight"),
        ])
        {
            Add(name, hf, part: 0, parts: 1);
        }
        foreach (var (side, layers) in (ReadOnlySpan<(string, int)>)[("encoder", encoderLayers), ("decoder", decoderLayers)])
        {
            AddNorm($"{side}/layer_norm", $"{side}.layer_norm");
            for (int i = 0; i < layers; i++) AddLayer(side, i);
        }
    }

    public override string Program => "CTranslate2 (faster-whisper)";

    public override string Location => _file.Location;

    public override WhisperSizes Sizes { get; }

    public static new CTranslate2Whisper Open(string folder)
    {
        var file = CTranslate2File.Open(Path.Combine(folder, CTranslate2File.FileName), Spec);
        try
        {
            return new CTranslate2Whisper(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public override void Dispose() => _file.Dispose();

    int Layers(string side)
    {
        int layers = 0;
        while (layers < 1024 && _file.Find($"{side}/layer_{layers}/ffn/layer_norm/gamma") is not null) layers++;
        return layers > 0 ? layers : throw _file.Wrong($"it has no layers of the {side}");
    }

    WhisperSizes ReadSizes(int encoderLayers, int decoderLayers)
    {
        RequireIdle("pre_norm", 1);
        RequireIdle("scale_embeddings", 0);
        RequireIdle("alibi", 0);
        RequireIdle("start_from_zero_embedding", 0);
        int width = Dimension("encoder/layer_norm/gamma", 0, rank: 1);
        return new WhisperSizes
        {
            Vocabulary = Dimension("decoder/embeddings/weight", 0, rank: 2),
            MelBins = Dimension("encoder/conv1/weight", 1, rank: 3),
            Width = width,
            AudioPositions = Dimension("encoder/position_encodings/encodings", 0, rank: 2),
            TextPositions = Dimension("decoder/position_encodings/encodings", 0, rank: 2),
            EncoderLayers = encoderLayers,
            EncoderHeads = Heads("encoder", width),
            EncoderInner = Dimension("encoder/layer_0/ffn/linear_0/weight", 0, rank: 2),
            DecoderLayers = decoderLayers,
            DecoderHeads = Heads("decoder", width),
            DecoderInner = Dimension("decoder/layer_0/ffn/linear_0/weight", 0, rank: 2),
            Activation = ReadActivation(),
        };
    }

    int Dimension(string name, int index, int rank)
    {
        var variable = _file.Require(name);
        return variable.Shape.Rank == rank && variable.Shape[index] > 0
            ? variable.Shape[index]
            : throw _file.Wrong($"variable '{name}' has shape {variable.Shape}; expected {rank} dimensions");
    }

    int Heads(string side, int width)
    {
        double heads = Scalar($"{side}/num_heads") ?? throw _file.Wrong($"variable '{side}/num_heads' is missing");
        return heads is >= 1 and <= 1024 && width % (int)heads == 0
            ? (int)heads
            : throw _file.Wrong($"'{side}/num_heads' is {heads}; expected a divisor of the width, {width}");
    }

    // By CTranslate2's numbers.
    Activation ReadActivation() => (int)(Scalar("decoder/activation") ?? 3) switch
    {
        0 => Activation.Relu,
        2 => Activation.Silu,
        3 => Activation.Gelu,
        var other => throw _file.Wrong($"'decoder/activation' is {other}; expected 3 (GELU), 0 (ReLU) or 2 (Swish)"),
    };

    void RequireIdle(string setting, double expected)
    {
        foreach (var name in (ReadOnlySpan<string>)[$"encoder/{setting}", $"decoder/{setting}"])
        {
            if (Scalar(name) is { } value && value != expected)
                throw _file.Wrong($"'{name}' is {value}; expected {expected}, the only value that is implemented");
        }
    }

    double? Scalar(string name)
    {
        if (_file.Find(name) is not { } variable) return null;
        return variable.Shape.Count == 1
            ? variable.ReadScalar()
            : throw _file.Wrong($"variable '{name}' has shape {variable.Shape}; expected one number");
    }

    void AddLayer(string side, int index)
    {
        string from = $"{side}/layer_{index}", to = $"{side}.layers.{index}";
        AddNorm($"{from}/self_attention/layer_norm", $"{to}.self_attn_layer_norm");
        AddLinear($"{from}/self_attention/linear_0", $"{to}.self_attn", "q_proj", "k_proj", "v_proj");
        AddLinear($"{from}/self_attention/linear_1", $"{to}.self_attn", "out_proj");
        if (side == "decoder")
        {
            AddNorm($"{from}/attention/layer_norm", $"{to}.encoder_attn_layer_norm");
            AddLinear($"{from}/attention/linear_0", $"{to}.encoder_attn", "q_proj");
            AddLinear($"{from}/attention/linear_1", $"{to}.encoder_attn", "k_proj", "v_proj");
            AddLinear($"{from}/attention/linear_2", $"{to}.encoder_attn", "out_proj");
        }
        AddNorm($"{from}/ffn/layer_norm", $"{to}.final_layer_norm");
        AddLinear($"{from}/ffn/linear_0", to, "fc1");
        AddLinear($"{from}/ffn/linear_1", to, "fc2");
    }

    void AddNorm(string from, string to)
    {
        Add($"{from}/gamma", $"{to}.weight", part: 0, parts: 1);
        Add($"{from}/beta", $"{to}.bias", part: 0, parts: 1);
    }

    /// <summary>Matrices whose rows follow each other in one variable.</summary>
    void AddLinear(string from, string to, params ReadOnlySpan<string> names)
    {
        for (int i = 0; i < names.Length; i++)
        {
            Add($"{from}/weight", $"{to}.{names[i]}.weight", i, names.Length);
            // A key's bias, zeros here, changes no attention: Whisper has none.
            if (names[i] != "k_proj") Add($"{from}/bias", $"{to}.{names[i]}.bias", i, names.Length);
        }
    }

    void Add(string from, string to, int part, int parts)
    {
        var variable = _file.Require(from);
        if (variable.Shape.Rank == 0 || variable.Shape[0] % parts != 0)
            throw _file.Wrong($"variable '{from}' has shape {variable.Shape}; expected {parts} matrices' rows");
        int rows = variable.Shape[0] / parts;
        Tensors.Add(Root + to, variable.Type is DType.I8 or DType.I16
            ? Scaled(variable, Root + to, part * rows, rows)
            : new FileTensor(
                Root + to, variable.Type, variable.Shape.With(0, rows),
                variable.At with { Offset = variable.At.Offset + variable.Shape.Count / parts * part * variable.Type.Size() }));
    }

    StoredTensor Scaled(CTranslate2Variable variable, string name, int firstRow, int rows)
    {
        var stored = _file.Require(variable.Name + "_scale");
        bool each = variable.Type == DType.I8;
        if (stored.Type != DType.F32 || stored.Shape.Count != (each ? variable.Shape[0] : 1))
            throw _file.Wrong(
                $"variable '{stored.Name}' is {stored.Type} {stored.Shape}; " +
                $"expected float32, {(each ? "one for each row" : "one number")}");
        var scales = new FileTensor(stored.Name, stored.Type, stored.Shape, stored.At).ToFloats();
        int wrong = Array.FindIndex(scales, scale => !(float.IsFinite(scale) && scale > 0));
        if (wrong >= 0) throw _file.Wrong($"variable '{stored.Name}' has {scales[wrong]} at {wrong}; scales are finite and positive");
        long offset = variable.At.Offset + variable.Shape.Count / variable.Shape[0] * firstRow * variable.Type.Size();
        var (shape, at) = (variable.Shape.With(0, rows), variable.At with { Offset = offset });
        if (each && shape.Rank == 2) return new ScaledRows(name, shape, at, scales[firstRow..(firstRow + rows)]);
        return new ScaledTensor(name, (variable.Type, shape), at, each ? scales[firstRow..(firstRow + rows)] : scales);
    }
}
