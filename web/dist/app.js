const file = await (await fetch("/api/v1/file")).json();
document.getElementById("app").textContent = file.message ?? `${file.name}: ${file.runs} runs`;
