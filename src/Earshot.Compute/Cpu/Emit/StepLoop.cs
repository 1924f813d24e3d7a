namespace Earshot.Compute.Cpu.Emit;

/// <summary>The loop over the steps of a micro-kernel: several at a time, then one by one.</summary>
internal static class StepLoop
{
    /// <param name="counter">A register that holds the number of steps, and zero behind the loop.</param>
    /// <param name="unroll">Steps at a time.</param>
    /// <param name="step">Emits a step, given how many came before it since the last advance.</param>
    /// <param name="advance">Moves on by some steps.</param>
    public static void Emit(Assembler code, Gpr counter, int unroll, Action<int> step, Action<int> advance)
    {
        Label unrolled = new(), rest = new(), single = new(), done = new();
        code.Subtract(counter, unroll);
        code.Jump(Condition.Below, rest);
        code.Align(32);
        code.Place(unrolled);
        for (int u = 0; u < unroll; u++) step(u);
        advance(unroll);
        code.Subtract(counter, unroll);
        code.Jump(Condition.AboveOrEqual, unrolled);

        code.Place(rest);
        code.Add(counter, unroll);
        code.Jump(Condition.Zero, done);
        code.Place(single);
        step(0);
        advance(1);
        code.Subtract(counter, 1);
        code.Jump(Condition.NotZero, single);
        code.Place(done);
    }
}
