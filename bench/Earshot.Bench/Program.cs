using Earshot.Bench;

if (args is not ["kernels", ..])
{
    Console.Error.WriteLine("Usage: Earshot.Bench kernels [filter]");
    return 2;
}
KernelBench.Run(args.Length > 1 ? args[1] : "");
return 0;
