using Earshot.Compute.Measuring;
using Earshot.Compute.Parts;

namespace Earshot.Compute.Tests;

public class ModelCostsTests
{
    static readonly ModelParts s_hearing = new() { Encoder = new ToyEncoder(), Decoder = new ToyDecoder(memory: 3000) };

    [Fact]
    public void Stages_are_those_of_the_parts_that_are_there()
    {
        Assert.Equal(["encoder", "cross-attention", "decoder"], Stages(s_hearing).Select(stage => stage.Name));
        Assert.Equal(
            ["encoder", "CTC head"],
            Stages(new ModelParts { Encoder = new ToyEncoder(), Ctc = new ToyHead() }).Select(stage => stage.Name));
        Assert.Equal(["decoder"], Stages(new ModelParts { Decoder = new ToyDecoder() }).Select(stage => stage.Name));
    }

    [Fact]
    public void A_transducer_is_a_step_of_predictor_and_joiner_and_reads_the_encoders_own_output()
    {
        var parts = new ModelParts { Encoder = new ToyEncoder(), Transducer = new ToyTransducer(0, 1, 2), Ctc = new ToyHead() };
        Assert.Equal((16, 50), (parts.FinishedWidth, parts.FinishedPositionsOf(100)));
        var stages = Stages(parts);
        Assert.Equal(["encoder", "transducer"], stages.Select(stage => stage.Name));
        var operations = stages[1].Operations.Select(operation => operation.Operation)
            .Where(name => name is "Linear" or "Embed" or "LstmStep");
        Assert.Equal(["Linear", "Embed", "LstmStep", "LstmStep", "Linear", "Linear"], operations);
        Assert.Equal(new Shape(1, 13), stages[1].Operations[^1].Output);
        double products = (16 * 12) + (2 * 32 * 16) + (8 * 12) + (12 * 13);
        Assert.Equal(2 * products, stages[1].Operations.Where(operation => operation.Operation is "Linear" or "LstmStep")
            .Sum(operation => operation.Flops));
    }

    [Fact]
    public void A_voice_makes_a_second_of_sound_or_what_it_makes_at_once()
    {
        var stage = Assert.Single(Stages(new ModelParts { Voice = new ToyVoice(mostFrames: 4000) }));
        Assert.Equal(("voice", "1 s of sound"), (stage.Name, stage.What));
        Assert.Equal(new Shape(1, 8000, 1), stage.Operations[^1].Output);
        double products = 2.0 * 2000 * ((8 * 30) + (8 * 8) + (8 * 8)); // convolution, layer, transposed convolution
        Assert.Equal(
            products, stage.Operations.Where(operation => operation.Operation is "Convolve" or "Linear" or "ConvolveTransposed")
                .Sum(operation => operation.Flops));
        Assert.Equal("0.02 s of sound", Assert.Single(Stages(new ModelParts { Voice = new ToyVoice() })).What);
    }

    [Fact]
    public void A_stage_says_how_much_of_it_was_measured()
    {
        Assert.Equal(["a window of 30 s", "a window", "5 tokens after 7"], Stages(s_hearing, rows: 5, past: 7).Select(stage => stage.What));
        Assert.Equal("a window of 4 s", Stages(new ModelParts { Encoder = new ToyEncoder(mostFrames: 400) })[0].What);
    }

    [Fact]
    public void A_window_is_no_longer_than_the_encoder_takes_and_than_30_seconds()
    {
        Assert.Equal(400, ModelCosts.WindowFramesOf(new ModelParts { Encoder = new ToyEncoder(mostFrames: 400) }));
        Assert.Equal(3000, ModelCosts.WindowFramesOf(new ModelParts { Encoder = new ToyEncoder(mostFrames: 100_001) }));
        Assert.Equal(0, ModelCosts.WindowFramesOf(new ModelParts { Decoder = new ToyDecoder() }));
    }

    // A multiply-add counts two; 3,000 frames are 1,500 positions of 16 values in and out.
    [Fact]
    public void Products_take_two_operations_a_weight_and_row()
    {
        var stages = Stages(s_hearing, rows: 3, past: 10);
        Assert.Equal(2.0 * 1500 * 16 * 16, Linear(stages[0]));
        Assert.Equal(2.0 * 1500 * 16 * 16 * 2, Linear(stages[1]));
        Assert.Equal(2.0 * 3 * (16 * 16 * 4 + 16 * 40), Linear(stages[2]));
        Assert.Equal(2.0 * 11 * 3 * 16 * 4, stages[2].Cost.KeyValueBytes - 2.0 * 1500 * 16 * 4);

        static double Linear(StageCost stage) =>
            stage.Operations.Where(operation => operation.Operation == "Linear").Sum(operation => operation.Flops);
    }

    [Fact]
    public void Streams_of_their_own_windows_read_a_memory_each()
    {
        var costs = new ModelCosts(s_hearing, new RandomTensors());
        long shared = costs.Step(4, past: 10).KeyValueBytes, apart = costs.Step(4, past: 10, windows: 4).KeyValueBytes;
        Assert.Equal(3 * 2L * 1500 * 16 * 4, apart - shared);
    }

    [Fact]
    public void A_prompt_needs_logits_after_its_last_token_alone()
    {
        var costs = new ModelCosts(s_hearing, new RandomTensors());
        costs.Step(1, past: 0, tokens: 6);
        Assert.Equal(new Shape(1, 40), costs.Operations[^1].Output);
        Assert.Equal(new Shape(6, 16), costs.Operations[0].Output);
    }

    [Fact]
    public void Matrices_are_those_of_products_and_of_tokens_but_not_of_positions()
    {
        var matrices = new ModelCosts(s_hearing, new RandomTensors()).Matrices().Select(parameter => parameter.Name)
            .Order(StringComparer.Ordinal);
        Assert.Equal(
            [
                "cross_k.weight", "cross_q.weight", "cross_v.weight", "encoder.weight", "k.weight", "out.weight", "q.weight",
                "tokens.weight", "v.weight",
            ], matrices);
    }

    static IReadOnlyList<StageCost> Stages(ModelParts parts, int rows = 1, int past = 0) =>
        new ModelCosts(parts, new RandomTensors()).Stages(rows, past);
}
