// Runs a detector on the plain numbers of a golden vector and prints the message that it reads.
//
//   c++ -std=c++17 detector.cc -I INCLUDE -L LIB -ltensorflowlite_c -o detector
//   ./detector models/NAME.tflite vectors/NAME/PICTURE.input.f32 FIRST_BIT
//
// FIRST_BIT is read.first_bit of contract.json; the message must be the vector's `message`.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "tensorflow/lite/c/c_api.h"

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: %s MODEL INPUT.f32 FIRST_BIT\n", argv[0]), 2;
  std::ifstream file(argv[2], std::ios::binary);
  const std::vector<char> picture((std::istreambuf_iterator<char>(file)), {});
  TfLiteModel* model = TfLiteModelCreateFromFile(argv[1]);
  TfLiteInterpreter* run = model ? TfLiteInterpreterCreate(model, nullptr) : nullptr;
  if (!run || TfLiteInterpreterAllocateTensors(run) != kTfLiteOk) return 2;
  TfLiteTensor* input = TfLiteInterpreterGetInputTensor(run, 0);
  if (TfLiteTensorCopyFromBuffer(input, picture.data(), picture.size()) != kTfLiteOk) return 2;
  if (TfLiteInterpreterInvoke(run) != kTfLiteOk) return 2;
  const TfLiteTensor* output = TfLiteInterpreterGetOutputTensor(run, 0);
  std::vector<float> logits(TfLiteTensorByteSize(output) / sizeof(float));
  TfLiteTensorCopyToBuffer(output, logits.data(), logits.size() * sizeof(float));
  int digit = 0, filled = 0;
  for (std::size_t i = std::atoi(argv[3]); i < logits.size(); ++i) {
    digit = digit << 1 | (logits[i] > 0);
    if (++filled == 4) std::printf("%x", digit), digit = filled = 0;
  }
  std::puts("");
  TfLiteInterpreterDelete(run);
  TfLiteModelDelete(model);
}
