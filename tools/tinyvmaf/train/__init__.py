"""Making candidates: students, recipes, fitting, export, packaging."""
