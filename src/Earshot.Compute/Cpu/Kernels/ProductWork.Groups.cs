namespace Earshot.Compute.Cpu.Kernels;

/// <content>Panels that are made of codes in groups, some inputs at a time.</content>
internal unsafe partial struct ProductWork<TLanes>
{
    readonly void MultiplyGrouped(in GroupLayout groups, MicroArguments* arguments, int rows, int firstInput, float* unpacked)
    {
        if (rows <= GroupedPanels<TLanes>.DirectRows && Plan.StepBlocks == 1 && Kernel == Call.Weights.Kernel)
        {
            GroupedPanels<TLanes>.Multiply(groups, arguments, rows);
            return;
        }
        var whole = *arguments;
        int end = firstInput + (int)whole.Steps * Kernel.StepInputs;
        for (int input = firstInput; input < end; input += UnpackedInputs)
        {
            int count = Math.Min(UnpackedInputs, end - input);
            if (Kernel.Type == PanelType.BF16) GroupedPanels<TLanes>.UnpackPairs(groups, whole.Panel, input, count, (byte*)unpacked);
            else GroupedPanels<TLanes>.Unpack(groups, whole.Panel, input, count, unpacked);
            *arguments = whole with
            {
                Rows = whole.Rows + (nint)(input - firstInput) * Kernel.RowInputBytes,
                Panel = (byte*)unpacked,
                Steps = count / Kernel.StepInputs,
                Accumulate = input > 0 ? 1 : 0,
                TileRows = arguments->TileRows,
            };
            Kernel.RunStrips(arguments, rows);
        }
    }

    // As with codes in groups: some inputs of the panel are made at a time.
    readonly void MultiplyBlocks(in BlockUnpacking unpacking, MicroArguments* arguments, int rows, int firstStep)
    {
        var whole = *arguments;
        int first = firstStep * Kernel.StepInputs, end = Math.Min(Call.Weights.Inputs, first + (int)whole.Steps * Kernel.StepInputs);
        for (int input = first; input < end; input += UnpackedInputs)
        {
            int count = Math.Min(UnpackedInputs, end - input);
            byte* panel = unpacking.Unpack<TLanes>(Kernel.Type, input, count);
            *arguments = whole with
            {
                Rows = whole.Rows + (nint)(input - first) * Kernel.RowInputBytes,
                Panel = panel,
                Steps = count / Kernel.StepInputs,
                Accumulate = input > 0 ? 1 : 0,
                TileRows = arguments->TileRows,
            };
            Kernel.RunStrips(arguments, rows);
        }
    }
}
