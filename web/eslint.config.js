import js from "@eslint/js";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["dist", "node_modules", "examples/*/dist"] },
  js.configs.recommended,
  ts.configs.recommended,
  {
    files: ["src/**/*.ts", "tests/**/*.ts"],
    extends: [ts.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/explicit-function-return-type": ["error", { allowExpressions: true }],
      "@typescript-eslint/require-await": "off",
    },
  },
  { files: ["**/*.mjs", "*.js", "examples/**/*.js"], languageOptions: { globals: { document: "readonly", URL: "readonly", console: "readonly", process: "readonly" } } },
  { rules: { "max-lines": ["error", 400] } },
);
