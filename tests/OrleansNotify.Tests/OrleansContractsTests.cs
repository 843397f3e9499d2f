namespace OrleansNotify.Tests; public sealed class OrleansContractsTests { }
