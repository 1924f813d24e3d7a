using Earshot.Onnx.Native;

namespace Earshot.Onnx.Tests.Native;

public sealed class OnnxSessionTests
{
    [Fact]
    public void Describes_inputs_and_outputs_with_symbolic_dimensions()
    {
        NativeRuntime.Require();
        using var session = OnnxSession.FromFile(TestData.Require("models/silero-vad/silero_vad.onnx"));
        Assert.Equal(
            ["input: Float32(?, ?)", "state: Float32(2, ?, 128)", "sr: Int64()"], session.Inputs.Select(input => input.ToString()));
        Assert.Equal(["output", "stateN"], session.Outputs.Select(output => output.Name));
        Assert.Equal("Runs on cpu.", session.Providers.ToString());
    }

    [Fact]
    public void Runs_a_model_from_a_file_and_from_bytes_alike()
    {
        NativeRuntime.Require();
        var path = TestData.Require("models/silero-vad/silero_vad.onnx");
        using var fromFile = OnnxSession.FromFile(path);
        using var fromBytes = OnnxSession.FromBytes(File.ReadAllBytes(path));
        var expected = RunSilero(fromFile, batch: 2);
        Assert.Equal(2, expected.Length);
        Assert.All(expected, probability => Assert.InRange(probability, 0f, 1f));
        Assert.Equal(expected, RunSilero(fromBytes, batch: 2));
    }

    [Fact]
    public void Returns_only_the_outputs_asked_for()
    {
        NativeRuntime.Require();
        using var session = OnnxSession.FromFile(TestData.Require("models/silero-vad/silero_vad.onnx"));
        using var input = OnnxValue.FromMemory<float>(Noise(576), 1, 576);
        using var state = OnnxValue.FromMemory<float>(new float[256], 2, 1, 128);
        using var rate = OnnxValue.FromMemory<long>(new long[] { 16000 });
        using var outputs = session.Run([("sr", rate), ("input", input), ("state", state)], ["stateN"]);
        Assert.Equal(["stateN"], outputs.Names);
        Assert.Equal([2, 1, 128], outputs[0].Shape.ToArray());
        Assert.Throws<OnnxRuntimeException>(() => outputs["output"]);
    }

    [Fact]
    public void Binding_runs_the_same_and_outputs_land_where_they_were_bound()
    {
        NativeRuntime.Require();
        using var session = OnnxSession.FromFile(TestData.Require("models/silero-vad/silero_vad.onnx"));
        var expected = RunSilero(session, batch: 1);

        using var input = OnnxValue.FromMemory<float>(Noise(576), 1, 576);
        using var state = OnnxValue.FromMemory<float>(new float[256], 2, 1, 128);
        using var rate = OnnxValue.FromMemory<long>(new long[] { 16000 });
        var probability = new float[1];
        using var output = OnnxValue.FromMemory<float>(probability, 1, 1);
        using var binding = session.CreateBinding();
        binding.BindInput("input", input).BindInput("state", state).BindInput("sr", rate);
        binding.BindOutput("output", output).BindOutput("stateN", OnnxMemoryInfo.Cpu);
        binding.Run();
        Assert.Equal(expected, probability);
        using var outputs = binding.TakeOutputs();
        Assert.Equal(["output", "stateN"], outputs.Names);
        Assert.Equal(expected, outputs["output"].ToArray<float>());
        Assert.Equal([2, 1, 128], outputs["stateN"].Shape.ToArray());

        // The state of one step is the input of the next, without a copy.
        binding.BindInput("state", outputs["stateN"]);
        binding.Run();
        Assert.NotEqual(expected[0], probability[0]);
    }

    [Fact]
    public void A_binding_refuses_values_given_back_and_keeps_its_session()
    {
        NativeRuntime.Require();
        using var input = OnnxValue.FromMemory<float>(Noise(576), 1, 576);
        using var rate = OnnxValue.FromMemory<long>(new long[] { 16000 });
        using var state = OnnxValue.FromMemory<float>(new float[256], 2, 1, 128);
        var lost = OnnxValue.FromMemory<float>(new float[256], 2, 1, 128);
        var session = OnnxSession.FromFile(TestData.Require("models/silero-vad/silero_vad.onnx"));
        using var binding = session.CreateBinding().BindInput("input", input).BindInput("state", lost).BindInput("sr", rate)
            .BindOutput("output", OnnxMemoryInfo.Cpu).BindOutput("stateN", OnnxMemoryInfo.Cpu);
        lost.Dispose();
        Assert.Throws<ObjectDisposedException>(() => binding.Run());
        binding.BindInput("state", state).Run();
        using var outputs = binding.TakeOutputs();
        // A binding keeps its session until it goes itself.
        session.Dispose();
        float before = outputs[0].Span<float>()[0];
        binding.Run();
        using var again = binding.TakeOutputs();
        Assert.Equal(before, again[0].Span<float>()[0]);
    }

    [Fact]
    public void A_status_becomes_an_exception_with_the_runtimes_text_and_code()
    {
        NativeRuntime.Require();
        var error = Assert.Throws<OnnxRuntimeException>(() => OnnxSession.FromBytes(new byte[] { 1, 2, 3 }));
        Assert.Equal(OnnxErrorCode.InvalidProtobuf, error.Code);
        Assert.StartsWith("The model in memory could not be loaded: ", error.Message, StringComparison.Ordinal);
        Assert.Equal(OnnxErrorCode.NoSuchFile, Assert.Throws<OnnxRuntimeException>(() => OnnxSession.FromFile("/nowhere/model.onnx")).Code);
    }

    [Fact]
    public void Unknown_names_are_refused_with_the_known_ones()
    {
        NativeRuntime.Require();
        using var session = OnnxSession.FromFile(TestData.Require("models/silero-vad/silero_vad.onnx"));
        using var value = OnnxValue.Allocate(OnnxElementType.Float32, 1, 576);
        var error = Assert.Throws<OnnxRuntimeException>(() => session.Run([("audio", value)]));
        Assert.EndsWith("has no input 'audio'; it has input, state, sr.", error.Message, StringComparison.Ordinal);
        using var binding = session.CreateBinding();
        Assert.Throws<OnnxRuntimeException>(() => binding.BindOutput("nothing", value));
    }

    [Fact]
    public void A_missing_input_is_the_runtimes_own_error()
    {
        NativeRuntime.Require();
        using var session = OnnxSession.FromFile(TestData.Require("models/silero-vad/silero_vad.onnx"));
        using var value = OnnxValue.Allocate(OnnxElementType.Float32, 1, 576);
        var error = Assert.Throws<OnnxRuntimeException>(() => session.Run([("input", value)]));
        Assert.StartsWith("The model '", error.Message, StringComparison.Ordinal);
        Assert.NotEqual(OnnxErrorCode.None, error.Code);
    }

    [Fact]
    public async Task A_cancelled_run_stops_promptly()
    {
        NativeRuntime.Require();
        using var session = OnnxSession.FromFile(TestData.Require("models/silero-vad/silero_vad.onnx"));
        // How long a run takes and when its thread is scheduled are the machine's matter: a run that was over before it could be
        // cancelled is tried again with more work.
        for (int batch = 20_000; ; batch *= 2)
        {
            using var attempt = new CancellationTokenSource();
            var run = Task.Run(() => RunSilero(session, batch, attempt.Token));
            await Task.Delay(50);
            bool over = run.IsCompleted;
            await attempt.CancelAsync();
            if (over && batch < 160_000) continue;
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
            break;
        }
        using var cancellation = new CancellationTokenSource();
        await cancellation.CancelAsync();
        Assert.ThrowsAny<OperationCanceledException>(() => RunSilero(session, batch: 1, cancellation.Token));
        Assert.Single(RunSilero(session, batch: 1));
    }

    [Fact]
    public void Terminated_options_fail_until_resumed()
    {
        NativeRuntime.Require();
        using var session = OnnxSession.FromFile(TestData.Require("models/silero-vad/silero_vad.onnx"));
        using var input = OnnxValue.FromMemory<float>(Noise(576), 1, 576);
        using var state = OnnxValue.FromMemory<float>(new float[256], 2, 1, 128);
        using var rate = OnnxValue.FromMemory<long>(new long[] { 16000 });
        using var options = new OnnxRunOptions().WithTag("test").WithLogSeverity(OnnxLogSeverity.Fatal);
        options.Terminate();
        Assert.Throws<OnnxRuntimeException>(() => session.Run([("input", input), ("state", state), ("sr", rate)], options: options));
        options.Resume();
        using var outputs = session.Run([("input", input), ("state", state), ("sr", rate)], options: options);
        Assert.Equal(2, outputs.Count);
    }

    static float[] RunSilero(OnnxSession session, int batch, CancellationToken cancellationToken = default)
    {
        using var input = OnnxValue.FromMemory<float>(Noise(batch * 576), batch, 576);
        using var state = OnnxValue.FromMemory<float>(new float[2 * batch * 128], 2, batch, 128);
        using var rate = OnnxValue.FromMemory<long>(new long[] { 16000 });
        using var outputs = session.Run([("input", input), ("state", state), ("sr", rate)], cancellationToken: cancellationToken);
        return outputs["output"].ToArray<float>();
    }

    static float[] Noise(int count)
    {
        var random = new Random(1);
        var samples = new float[count];
        for (int i = 0; i < count; i++) samples[i] = random.NextSingle() * 0.2f - 0.1f;
        return samples;
    }
}
