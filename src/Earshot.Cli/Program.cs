using Earshot.Cli;

var terminal = Terminal.OfProcess();
using var interrupts = new Interrupts(terminal);
int exitCode = await Application.RunAsync(args, terminal, interrupts.Token);
return interrupts.ExitCode ?? exitCode;
